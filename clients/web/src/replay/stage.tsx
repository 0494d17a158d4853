/** The recording's picture and what flies over it. */
import { useSignal, useSignalEffect, type Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { dayAndTime } from "../i18n/format";
import { t } from "../i18n";
import type { Room } from "../live/room";
import { Avatar, IconButton, LangSwitch, Spinner } from "../ui/basics";
import { Icon } from "../ui/icon";
import { Bullets } from "../viewer/bullets";
import { GiftsOver } from "../viewer/gifts/over";
import { bulletOpacity, bulletsOn } from "../viewer/preferences";
import type { PastRoom } from "./past_room";
import type { Vod } from "./vod";
import type { Recording } from "./wire";

interface StageProps {
  card: Recording;
  past: PastRoom;
  /** The same room now: what one may do there. */
  today: Room;
  vod: Vod;
  /** What lies over the picture beside its own things. */
  children: ComponentChildren;
}

export function Stage({ card, past, today, vod, children }: StageProps) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => (video.current ? vod.attach(video.current) : undefined), [vod]);
  const looks = useSignal(false);
  const hidden = past.blurred.value;
  const blurred = hidden && !looks.value;
  return (
    <section class="stage" aria-label={t("replay.stage")}>
      <video
        ref={video}
        class={`picture${blurred ? " blurred" : ""}`}
        playsInline
        disablePictureInPicture
        poster={card.poster ?? undefined}
        onClick={() => vod.toggle()}
        data-testid="video"
      />
      {hidden && <Hidden looks={looks} mayLook={today.can("review")} />}
      <BulletLayer past={past} vod={vod} />
      <GiftsOver room={past} />
      <Veil vod={vod} />
      <Top card={card} past={past} />
      {children}
    </section>
  );
}

/** Says why there is nothing to see; those who look after the room may look all the same. */
function Hidden({ looks, mayLook }: { looks: Signal<boolean>; mayLook: boolean }) {
  return (
    <div class={`replay-hidden${looks.value ? " looks" : ""}`} role="status" data-testid="replay-blurred">
      <Icon name="shield" size={20} />
      <span>{t("replay.blurred")}</span>
      {mayLook && (
        <button class="button little" aria-pressed={looks.value} onClick={() => (looks.value = !looks.value)} data-testid="replay-look">
          {t(looks.value ? "picture.hide" : "replay.blurred.show")}
        </button>
      )}
    </div>
  );
}

/** Comments that come while it plays fly; those that were jumped over don't. */
function BulletLayer({ past, vod }: { past: PastRoom; vod: Vod }) {
  const box = useRef<HTMLDivElement>(null);
  useSignalEffect(() => {
    if (!bulletsOn.value || !box.current) return;
    const bullets = new Bullets(box.current);
    past.onComment = (event) => {
      if (vod.playing.peek()) bullets.fly(event, false);
    };
    past.onJump = () => bullets.clear();
    return () => {
      past.onComment = past.onJump = null;
      bullets.destroy();
    };
  });
  return <div class="bullets" ref={box} style={{ opacity: bulletOpacity.value }} aria-hidden="true" data-testid="bullets" />;
}

function Top({ card, past }: { card: Recording; past: PastRoom }) {
  const { host } = past.state.value.room;
  return (
    <header class="top">
      <div class="host-pill">
        <Avatar id={host.id} name={host.name || card.title} size={36} />
        <div class="host-text">
          <h1 class="ellipsis">{card.title}</h1>
          <span class="ellipsis small">{host.name}</span>
        </div>
      </div>
      <div class="top-state">
        <span class="live-badge off" data-testid="replay-badge">
          {t("replay.badge")}
        </span>
        <span class="small">{dayAndTime(card.started_at_ms, Date.now())}</span>
      </div>
      <div class="top-tools">
        <IconButton
          icon="bullets"
          label={bulletsOn.value ? t("bullets.hide") : t("bullets.show")}
          aria-pressed={bulletsOn.value}
          class={bulletsOn.value ? "" : "struck"}
          onClick={() => (bulletsOn.value = !bulletsOn.value)}
          data-testid="bullets-toggle"
        />
        <LangSwitch />
      </div>
    </header>
  );
}

function Veil({ vod }: { vod: Vod }) {
  if (vod.failed.value) {
    return (
      <div class="veil" role="alert" data-testid="replay-failed">
        <strong>{t("replay.failed")}</strong>
        <button class="button primary" onClick={() => location.reload()}>
          {t("replay.again")}
        </button>
      </div>
    );
  }
  if (vod.waiting.value && vod.playing.value) {
    return (
      <div class="veil thin" role="status" data-testid="buffering">
        <Spinner />
        <span class="unseen">{t("buffering")}</span>
      </div>
    );
  }
  if (vod.playing.value) return null;
  return (
    <button class="replay-play" onClick={() => vod.toggle()} aria-label={t("replay.play")} data-testid="play-button">
      <Icon name="play" size={34} fill />
    </button>
  );
}
