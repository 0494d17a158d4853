/** Host and guests by the stage's layout. The elements stay where they are: only their places change. */
import { useEffect, useRef } from "preact/hooks";
import type { ComponentChildren } from "preact";

import { t } from "../../i18n";
import type { Room } from "../../live/room";
import type { Cast, Member } from "../../media/cast";
import type { Player } from "../../media/player";
import { Avatar } from "../../ui/basics";
import { Icon } from "../../ui/icon";
import { usePoster } from "../poster";
import { arrange, type Place } from "./arrange";
import "./guests.css";
import type { OwnPicture } from "./own";

interface PicturesProps {
  room: Room;
  player: Player;
  cast: Cast;
  own: OwnPicture;
}

export function Pictures({ room, player, cast, own }: PicturesProps) {
  const { stage } = room.state.value;
  const { host } = room.state.value.room;
  const members = cast.members.value;
  const arranged = arrange(stage.layout, members);
  return (
    <div class={`cast as-${arranged.kind}`} data-testid="cast" data-layout={arranged.kind} data-big={arranged.big ?? "host"}>
      <Tile room={room} place={arranged.place(null)} slot={null} name={members.length > 0 ? host.name : null}>
        <HostVideo room={room} player={player} />
      </Tile>
      {members.map((member) => (
        <Tile key={`${member.slot} ${member.since_ms}`} room={room} place={arranged.place(member.slot)} slot={member.slot} name={member.user.name}>
          {member.player ? <GuestVideo player={member.player} member={member} /> : <OwnTile own={own} member={member} />}
        </Tile>
      ))}
    </div>
  );
}

interface TileProps {
  room: Room;
  place: Place;
  slot: string | null;
  name: string | null;
  children: ComponentChildren;
}

function Tile({ room, place, slot, name, children }: TileProps) {
  const small = place !== "big";
  const blurred = room.state.value.room.blurred?.includes(slot ?? "host") ?? false;
  return (
    <div class={`tile${small ? " small" : ""}${blurred ? " blurred" : ""}`} style={small ? { "--place": place } : {}} data-testid={slot === null ? "host-tile" : "guest-tile"} data-slot={slot ?? ""}>
      {children}
      {blurred && <Blurred small={small} />}
      {name !== null && <span class="tile-name ellipsis">{name}</span>}
    </div>
  );
}

/** Over a picture in which a check has found something; the picture beneath it is blurred by the tile's style. */
function Blurred({ small }: { small: boolean }) {
  return (
    <span class="tile-blurred" role="status" data-testid="tile-blurred">
      <Icon name="shield" size={small ? 18 : 26} />
      <span class={small ? "unseen" : ""}>{t("picture.blurred")}</span>
    </span>
  );
}

function HostVideo({ room, player }: { room: Room; player: Player }) {
  const video = useRef<HTMLVideoElement>(null);
  const poster = usePoster(room, player);
  useEffect(() => (video.current ? player.attach(video.current) : undefined), [player]);
  return <video ref={video} class="picture" playsInline muted autoPlay disablePictureInPicture poster={poster} data-testid="video" />;
}

function GuestVideo({ player, member }: { player: Player; member: Member }) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => (video.current ? player.attach(video.current) : undefined), [player]);
  const shown = player.phase.value === "playing" || player.phase.value === "stalled";
  return (
    <>
      <video ref={video} class="picture" playsInline muted autoPlay disablePictureInPicture data-testid="guest-video" />
      {!shown && <Waiting member={member} />}
      {player.blocked.value && (
        <button class="tile-play" onClick={() => void player.play()} aria-label={t("play.tap")}>
          <Icon name="play" fill />
        </button>
      )}
    </>
  );
}

function Waiting({ member }: { member: Member }) {
  return (
    <span class="tile-waiting">
      <Avatar id={member.user.id} name={member.user.name} size={44} />
    </span>
  );
}

/** Without a stream it is another window of the same viewer that is on stage. */
function OwnTile({ own, member }: { own: OwnPicture; member: Member }) {
  return own.stream.value ? <OwnVideo own={own} /> : <Waiting member={member} />;
}

/** Mirrored, as everybody is used to see themselves; and without its sound. */
export function OwnVideo({ own }: { own: OwnPicture }) {
  const video = useRef<HTMLVideoElement>(null);
  const stream = own.stream.value;
  useEffect(() => {
    if (video.current) video.current.srcObject = stream;
  }, [stream]);
  return <video ref={video} class="picture mirrored" playsInline muted autoPlay data-testid="own-video" />;
}
