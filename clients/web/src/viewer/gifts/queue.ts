/**
 * What waits to be shown over the picture: a bounded queue in which a combo is one thing, however often it
 * grows. Pure: time comes in as an argument.
 */
import { giftOf } from "../../live/gifts";
import type { LiveEvent } from "../../live/wire";

export interface Showing {
  event: LiveEvent;
  untilMs: number;
}

export interface Queue {
  shown: readonly Showing[];
  waiting: readonly LiveEvent[];
}

export interface Rules {
  /** How many are shown at once. */
  places: number;
  /** How long one stays after it has last grown. */
  staysMs: number;
  /** How many may wait; of more, the cheapest aren't shown. */
  waitingMax: number;
}

export const STRIP: Rules = { places: 2, staysMs: 3_500, waitingMax: 12 };
export const BANNERS: Rules = { places: 1, staysMs: 4_500, waitingMax: 8 };
export const EMPTY: Queue = { shown: [], waiting: [] };

const comboOf = (event: LiveEvent) => giftOf(event).combo.id;

export function put(queue: Queue, event: LiveEvent, nowMs: number, rules: Rules): Queue {
  const combo = comboOf(event);
  if (queue.shown.some((each) => comboOf(each.event) === combo)) {
    const grown = { event, untilMs: nowMs + rules.staysMs };
    return { ...queue, shown: queue.shown.map((each) => (comboOf(each.event) === combo ? grown : each)) };
  }
  const waits = queue.waiting.some((each) => comboOf(each) === combo);
  const waiting = waits
    ? queue.waiting.map((each) => (comboOf(each) === combo ? event : each))
    : [...queue.waiting, event];
  return advance({ ...queue, waiting: bounded(waiting, rules.waitingMax + rules.places) }, nowMs, rules);
}

/** Takes away what was shown long enough, and shows what waits. */
export function advance(queue: Queue, nowMs: number, rules: Rules): Queue {
  const shown = queue.shown.filter((each) => each.untilMs > nowMs);
  const free = rules.places - shown.length;
  if (shown.length === queue.shown.length && (free <= 0 || queue.waiting.length === 0)) {
    return { shown: queue.shown, waiting: bounded(queue.waiting, rules.waitingMax) };
  }
  const next = queue.waiting.slice(0, free).map((event) => ({ event, untilMs: nowMs + rules.staysMs }));
  return { shown: [...shown, ...next], waiting: bounded(queue.waiting.slice(free), rules.waitingMax) };
}

/** When the next one is over; null if nothing is shown. */
export function nextMs(queue: Queue): number | null {
  return queue.shown.length === 0 ? null : Math.min(...queue.shown.map((each) => each.untilMs));
}

function bounded(waiting: readonly LiveEvent[], max: number): readonly LiveEvent[] {
  if (waiting.length <= max) return waiting;
  const cheapest = waiting.reduce((least, each) =>
    giftOf(each).combo.coins < giftOf(least).combo.coins ? each : least,
  );
  return bounded(waiting.filter((each) => each !== cheapest), max);
}
