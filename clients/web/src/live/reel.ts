/**
 * A stretch of a recording's log, and the room's state at its beginning: with both the state at any place of the
 * stretch is a fold. Pure: a reel never changes, longer ones are made.
 */
import { fold } from "./fold";
import type { LiveEvent, RoomState } from "./wire";

export interface Reel {
  /** In the recording's ms: what happened at `from` or later and before `to` is known. */
  readonly from: number;
  readonly to: number;
  /** The room before the first event. */
  readonly state: RoomState;
  /** In the order of the log. */
  readonly events: readonly LiveEvent[];
  /** When each event is shown: its media time, but never before one that is earlier in the log. */
  readonly times: readonly number[];
}

export function makeReel(from: number, to: number, state: RoomState, events: readonly LiveEvent[]): Reel {
  return { from, to, state, events, times: shownAt(events, from) };
}

/** The reel and what comes after it. */
export function longer(reel: Reel, to: number, events: readonly LiveEvent[]): Reel {
  const last = reel.times.at(-1) ?? reel.from;
  return {
    ...reel,
    to,
    events: [...reel.events, ...events],
    times: [...reel.times, ...shownAt(events, last)],
  };
}

/** Nodes' clocks may differ by some ms, while the fold needs the order of the log. */
function shownAt(events: readonly LiveEvent[], from: number): number[] {
  let latest = from;
  return events.map((event) => (latest = Math.max(latest, event.media_ms ?? latest)));
}

/** How many of the events have happened at `ms`. */
export function countAt(reel: Reel, ms: number): number {
  let low = 0;
  let high = reel.times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((reel.times[middle] ?? 0) <= ms) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The room at `ms`, for a place that the reel covers. */
export function stateAt(reel: Reel, ms: number): RoomState {
  return reel.events.slice(0, countAt(reel, ms)).reduce(fold, reel.state);
}

export function covers(reel: Reel | null, ms: number): reel is Reel {
  return reel !== null && reel.from <= ms && ms < reel.to;
}

/** Where the clock was when the recording was at a place: it ran on while nothing was recorded. */
export interface ClockPoint {
  media_ms: number;
  at_ms: number;
}

/** Unix ms at a place of the recording. */
export function clockAt(points: readonly ClockPoint[], mediaMs: number): number {
  let known = points[0];
  for (const point of points) if (point.media_ms <= mediaMs) known = point;
  return known ? known.at_ms + mediaMs - known.media_ms : mediaMs;
}
