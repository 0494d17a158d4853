/** The picture and everything that lies on it. */
import { useSignalEffect, type Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { t } from "../i18n";
import type { Room } from "../live/room";
import type { Cast } from "../media/cast";
import type { Person } from "../live/wire";
import type { Player } from "../media/player";
import { Avatar, IconButton, LangSwitch, LiveBadge, Notice, Spinner, ViewerCount } from "../ui/basics";
import { WalletChip } from "../ui/coins";
import { Icon } from "../ui/icon";
import { RecSign } from "../ui/rec";
import { Bullets } from "./bullets";
import { Hearts } from "./hearts";
import type { OwnPicture } from "./guests/own";
import { Pictures } from "./guests/pictures";
import { WayToStage } from "./guests/way";
import { Replays } from "./replays";
import { FollowButton } from "./points/follow";
import { bulletOpacity, bulletsOn } from "./preferences";

interface StageProps {
  room: Room;
  player: Player;
  cast: Cast;
  own: OwnPicture;
  hearts: Signal<Hearts | null>;
  onLike: (x: number, y: number) => void;
  onOpen: (sheet: "settings" | "wallet") => void;
  /** What lies over the picture beside its own things. */
  children: ComponentChildren;
}

export function Stage({ room, player, cast, own, hearts, onLike, onOpen, children }: StageProps) {
  return (
    <section
      class="stage"
      aria-label={t("stage.label")}
      onDblClick={(event) => {
        const box = event.currentTarget.getBoundingClientRect();
        onLike(event.clientX - box.left, event.clientY - box.top);
      }}
    >
      <Pictures room={room} player={player} cast={cast} own={own} />
      <BulletLayer room={room} />
      <div class="hearts" aria-hidden="true" ref={(box) => {
        if (box && !hearts.peek()) hearts.value = new Hearts(box);
      }} />
      <Overlay room={room} player={player} />
      <TopBar room={room} player={player} onOpen={onOpen} />
      <SoundInvitation player={player} live={room.status.value === "live" && !room.state.value.room.pause?.on} />
      <WayToStage room={room} own={own} />
      <OwnPictureNotice room={room} />
      {children}
    </section>
  );
}

function BulletLayer({ room }: { room: Room }) {
  const box = useRef<HTMLDivElement>(null);
  useSignalEffect(() => {
    if (!bulletsOn.value || !box.current) return;
    const bullets = new Bullets(box.current);
    room.onComment = (event) => bullets.fly(event, event.user?.id === room.you.user.peek()?.id);
    return () => {
      room.onComment = null;
      bullets.destroy();
    };
  });
  return <div class="bullets" ref={box} style={{ opacity: bulletOpacity.value }} aria-hidden="true" data-testid="bullets" />;
}

function TopBar({ room, player, onOpen }: { room: Room; player: Player; onOpen: StageProps["onOpen"] }) {
  const { host, title, status } = room.state.value.room;
  const muted = player.muted.value;
  return (
    <header class="top">
      <div class="host-pill">
        <Avatar id={host.id} name={host.name} avatar={faceOfHost(room)} size={36} />
        <div class="host-text">
          <h1 class="ellipsis">{title}</h1>
          <span class="ellipsis small">{host.name}</span>
        </div>
        <FollowButton room={room} />
      </div>
      <div class="top-state">
        <LiveBadge status={status} />
        <RecSign room={room} />
        <ViewerCount count={room.viewers.value} />
        <ProtocolMark player={player} />
        <WalletChip room={room} onOpen={() => onOpen("wallet")} />
      </div>
      <div class="top-tools">
        <IconButton
          icon={muted ? "soundOff" : "soundOn"}
          label={muted ? t("sound.on") : t("sound.off")}
          onClick={() => player.setMuted(!muted)}
          data-testid="sound-toggle"
        />
        <IconButton
          icon="bullets"
          label={bulletsOn.value ? t("bullets.hide") : t("bullets.show")}
          aria-pressed={bulletsOn.value}
          class={bulletsOn.value ? "" : "struck"}
          onClick={() => (bulletsOn.value = !bulletsOn.value)}
          data-testid="bullets-toggle"
        />
        <LangSwitch />
        <IconButton icon="sliders" label={t("settings.view")} onClick={() => onOpen("settings")} data-testid="settings-button" />
      </div>
    </header>
  );
}

/** Which way the picture comes, in the viewer's terms: at once, or how far behind. */
function ProtocolMark({ player }: { player: Player }) {
  const protocol = player.protocol.value;
  const latency = player.latencyS.value;
  return (
    <span
      class={`protocol${protocol ? "" : " none"}`}
      data-testid="player-protocol"
      data-value={protocol ?? ""}
      data-phase={player.phase.value}
      title={protocol === "whep" ? "WebRTC (WHEP)" : protocol === "hls" ? "Low-Latency HLS" : ""}
    >
      {protocol === "whep" && t("latency.instant")}
      {protocol === "hls" && (latency === null ? "HLS" : t("latency.behind", { s: latency.toFixed(1) }))}
    </span>
  );
}

function SoundInvitation({ player, live }: { player: Player; live: boolean }) {
  if (player.blocked.value) {
    return (
      <button class="invitation" onClick={() => void player.play()} data-testid="play-button">
        <Icon name="play" fill />
        {t("play.tap")}
      </button>
    );
  }
  if (!live || !player.muted.value || player.phase.value !== "playing") return null;
  return (
    <button class="invitation" onClick={() => player.setMuted(false)} data-testid="sound-button">
      <Icon name="soundOff" />
      {t("sound.tap")}
    </button>
  );
}

function Overlay({ room, player }: { room: Room; player: Player }) {
  const patience = useLate(room.link.value === "reconnecting", 900);
  const waiting = useLate(player.phase.value === "connecting" || player.phase.value === "stalled", 500);
  const { status, host, pause } = room.state.value.room;
  return (
    <>
      {patience && (
        <div class="reconnecting" role="status" data-testid="reconnecting">
          <Spinner />
          {t("reconnecting")}
        </div>
      )}
      {!room.entered.value ? (
        <div class="veil" role="status">
          <Spinner />
        </div>
      ) : status === "live" && !pause?.on ? (
        waiting && (
          <div class="veil thin" role="status" data-testid="buffering">
            <Spinner />
            <span class="unseen">{t("buffering")}</span>
          </div>
        )
      ) : status === "live" || status === "interrupted" ? (
        <PauseCard
          picture={pause?.picture ?? null}
          paused={pause?.on ?? false}
          host={{ ...host, avatar: faceOfHost(room) }}
          status={status}
        />
      ) : (
        <div class={`veil ${status}`} role="status" data-testid="stage-overlay" data-status={status}>
          <Avatar id={host.id} name={host.name} avatar={faceOfHost(room)} size={72} />
          <strong>{t(`overlay.${status}`)}</strong>
          <span>{t(`overlay.${status}.hint`, { host: host.name })}</span>
          <Replays room={room} />
        </div>
      )}
    </>
  );
}

/** Whoever is on stage as a guest is told what was done about their picture or what they said, and why. */
function OwnPictureNotice({ room }: { room: Room }) {
  const { picture, sound } = room.you;
  const seen = picture.value;
  if (seen !== null && seen.measure !== "alert" && seen.stream !== "host") {
    return <OwnNotice text={t(`picture.you.${seen.measure}`)} onClose={() => (picture.value = null)} />;
  }
  const heard = sound.value;
  if (heard === null || heard.stream === "host") return null;
  return <OwnNotice text={t("sound.you.interrupt")} onClose={() => (sound.value = null)} />;
}

function OwnNotice({ text, onClose }: { text: string; onClose: () => void }) {
  return (
    <div class="own-picture-notice">
      <Notice tone="bad" icon="warn" data-testid="own-picture-notice">
        {text}
      </Notice>
      <IconButton icon="close" label={t("picture.dismiss")} onClick={onClose} />
    </div>
  );
}

/** The host's picture: one's own is known at once, another's since the page entered. */
function faceOfHost(room: Room): string | undefined {
  const { user, hostAvatar } = room.you;
  const own = user.value?.id === room.state.value.room.host.id;
  return (own ? user.value?.avatar : hostAvatar.value) ?? undefined;
}

/** Over the last frame, dimmed: the host's own picture, or who they are; and that it goes on. */
function PauseCard(props: { picture: string | null; paused: boolean; host: Person; status: "live" | "interrupted" }) {
  const { picture, paused, host, status } = props;
  return (
    <div class="veil pause" role="status" data-testid="stage-overlay" data-status={paused ? "paused" : status}>
      {picture ? (
        <img class="pause-picture" src={picture} alt="" data-testid="pause-picture" />
      ) : (
        <Avatar id={host.id} name={host.name} avatar={host.avatar} size={72} />
      )}
      <strong>{t(paused ? "overlay.paused" : "overlay.interrupted")}</strong>
      <span>{t(paused ? "overlay.paused.hint" : "overlay.interrupted.hint", { host: host.name })}</span>
    </div>
  );
}

/** True once `active` has lasted: what is over in a moment needn't be shown. */
function useLate(active: boolean, afterMs: number): boolean {
  const [late, setLate] = useState(false);
  useEffect(() => {
    if (!active) {
      setLate(false);
      return;
    }
    const timer = setTimeout(() => setLate(true), afterMs);
    return () => clearTimeout(timer);
  }, [active, afterMs]);
  return late;
}
