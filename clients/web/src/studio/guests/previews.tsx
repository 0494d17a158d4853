/** The guests as the host sees and hears them, below the host's own picture. */
import { useSignalEffect, type Signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import { t } from "../../i18n";
import type { Room } from "../../live/room";
import type { Cast, Member } from "../../media/cast";
import type { Player } from "../../media/player";
import { Avatar, IconButton } from "../../ui/basics";
import { Icon } from "../../ui/icon";
import "./guests.css";

export function Previews({ room, cast, deaf }: { room: Room; cast: Cast; deaf: Signal<boolean> }) {
  useSignalEffect(() => cast.follow(room.state.value.stage.guests, null));
  useSignalEffect(() => {
    if (room.link.value === "reconnecting") cast.linkLost();
  });
  const members = cast.members.value;
  if (members.length === 0) return null;
  return (
    <section class="guest-previews" aria-label={t("studio.guests")}>
      {members.map((member) => (
        <div class="guest-preview" key={`${member.slot} ${member.since_ms}`} data-testid="guest-preview" data-slot={member.slot}>
          {member.player && <Picture player={member.player} member={member} />}
          <span class="guest-preview-name ellipsis">{member.user.name}</span>
        </div>
      ))}
      <IconButton
        icon={deaf.value ? "soundOff" : "soundOn"}
        label={t(deaf.value ? "guests.sound.on" : "guests.sound.off")}
        onClick={() => (deaf.value = !deaf.value)}
        data-testid="guests-sound"
      />
    </section>
  );
}

function Picture({ player, member }: { player: Player; member: Member }) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => (video.current ? player.attach(video.current) : undefined), [player]);
  const shown = player.phase.value === "playing" || player.phase.value === "stalled";
  return (
    <>
      <video ref={video} playsInline muted autoPlay disablePictureInPicture data-testid="guest-video" />
      {!shown && <Avatar id={member.user.id} name={member.user.name} size={40} />}
      {player.blocked.value && (
        <button class="button little" onClick={() => void player.play()} aria-label={t("play.tap")}>
          <Icon name="play" fill size={16} />
        </button>
      )}
    </>
  );
}
