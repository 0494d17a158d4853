/** Gifts over the picture: combos at the left, banners for large ones, and what flies. */
import { useEffect, useRef, useState } from "preact/hooks";

import { lang, t } from "../../i18n";
import { giftName, giftOf } from "../../live/gifts";
import type { Room } from "../../live/room";
import type { LiveEvent } from "../../live/wire";
import { Avatar } from "../../ui/basics";
import { Badges } from "../../ui/comment";
import { advance, BANNERS, EMPTY, nextMs, put, STRIP, type Queue, type Rules } from "./queue";
import "./gifts.css";

export function GiftsOver({ room }: { room: Room }) {
  const strip = useQueue(room, STRIP);
  const banners = useQueue(room, BANNERS);
  const addStrip = useRef(strip.add);
  const addBanner = useRef(banners.add);
  useEffect(() => {
    room.gifts.onGift = (event) => (giftOf(event).banner ? addBanner : addStrip).current(event);
    return () => (room.gifts.onGift = null);
  }, [room]);
  return (
    <>
      <div class="gift-strip" aria-hidden="true" data-testid="gift-strip">
        {strip.shown.map((event) => (
          <Combo key={giftOf(event).combo.id} event={event} />
        ))}
      </div>
      {banners.shown.map((event) => (
        <Banner key={giftOf(event).combo.id} event={event} />
      ))}
    </>
  );
}

function useQueue(room: Room, rules: Rules): { shown: readonly LiveEvent[]; add: (event: LiveEvent) => void } {
  const [queue, set] = useState<Queue>(EMPTY);
  const [add] = useState(() => (event: LiveEvent) => set((now) => put(now, event, room.now(), rules)));
  const next = nextMs(queue);
  useEffect(() => {
    if (next === null) return;
    const timer = setTimeout(() => set((now) => advance(now, room.now(), rules)), Math.max(16, next - room.now() + 1));
    return () => clearTimeout(timer);
  }, [next, room, rules]);
  return { shown: queue.shown.map((each) => each.event), add };
}

function Combo({ event }: { event: LiveEvent }) {
  const { gift, combo } = giftOf(event);
  return (
    <div class={`combo tier-${gift.tier}`} data-testid="gift-combo" data-combo={combo.id} data-count={combo.count}>
      <Avatar id={event.user?.id ?? ""} name={event.user?.name ?? "?"} avatar={event.user?.avatar} size={30} />
      <span class="combo-text">
        <strong class="ellipsis">{event.user?.name}</strong>
        <span class="small ellipsis">{giftName(gift, lang.value)}</span>
      </span>
      <img src={gift.picture} alt="" width={38} height={38} />
      <strong key={combo.count} class="combo-count numbers">
        ×{combo.count}
      </strong>
      {gift.effect !== "none" && <Particles key={`fly-${event.id}`} event={event} />}
    </div>
  );
}

function Banner({ event }: { event: LiveEvent }) {
  const { gift, combo } = giftOf(event);
  const name = giftName(gift, lang.value);
  return (
    <div class="gift-banner" data-testid="gift-banner" data-combo={combo.id} data-count={combo.count} role="status">
      <div class={`gift-banner-card effect-${gift.effect}`}>
        <img src={gift.picture} alt="" width={64} height={64} />
        <span class="combo-text">
          <strong class="ellipsis">
            <Badges badges={event.user?.badges ?? []} /> {event.user?.name}
          </strong>
          <span class="ellipsis">{t("gift.banner", { gift: name })}</span>
        </span>
        <strong key={combo.count} class="combo-count numbers">
          ×{combo.count}
        </strong>
      </div>
      <Particles key={`fly-${event.id}`} event={event} />
    </div>
  );
}

const PARTICLES = { none: 0, float: 1, shower: 14, firework: 18, parade: 1 } as const;

/** Copies of the gift that fly and are gone; nothing for those who want no motion. */
function Particles({ event }: { event: LiveEvent }) {
  const { gift } = giftOf(event);
  const count = document.hidden ? 0 : PARTICLES[gift.effect];
  return (
    <span class={`particles ${gift.effect}`} aria-hidden="true">
      {Array.from({ length: count }, (_, n) => (
        <img key={n} src={gift.picture} alt="" style={{ "--n": n, "--of": count }} />
      ))}
    </span>
  );
}
