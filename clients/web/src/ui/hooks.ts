import { useEffect, useState } from "preact/hooks";

import { nextChangeMs, secondsLeft } from "../live/countdown";
import { asRefusal, type Refusal } from "../live/errors";

/** `now()` again and again while `active`, for countdowns. */
export function useNow(now: () => number, active = true, everyMs = 250): number {
  const [value, set] = useState(now);
  useEffect(() => {
    if (!active) return;
    set(now());
    const timer = setInterval(() => set(now()), everyMs);
    return () => clearInterval(timer);
  }, [active, everyMs, now]);
  return value;
}

export function useMedia(query: string): boolean {
  const [matches, set] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const list = matchMedia(query);
    const update = () => set(list.matches);
    list.addEventListener("change", update);
    return () => list.removeEventListener("change", update);
  }, [query]);
  return matches;
}

export interface Task {
  busy: boolean;
  refusal: Refusal | null;
  /** Runs `work`, one at a time; true if it went well. */
  run: (work: () => Promise<unknown>) => Promise<boolean>;
  clear: () => void;
}

/** Something that takes a while and may be refused. */
export function useTask(): Task {
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  const run = async (work: () => Promise<unknown>) => {
    if (busy) return false;
    setBusy(true);
    setRefusal(null);
    try {
      await work();
      return true;
    } catch (thrown) {
      setRefusal(asRefusal(thrown));
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { busy, refusal, run, clear: () => setRefusal(null) };
}

/** A wait is cut into pieces of this length, so that a clock that was put right meanwhile counts at once. */
const PIECE_MS = 200;

/**
 * Whole seconds until `untilMs` by the clock `now`, changing at the moment when each one ends; 0 from the very
 * end on. Null while there is nothing to count to.
 */
export function useCountdown(untilMs: number | null, now: () => number): number | null {
  const [, shown] = useState(0);
  useEffect(() => {
    if (untilMs === null) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tick = () => {
      const at = now();
      shown(secondsLeft(untilMs, at));
      const change = nextChangeMs(untilMs, at);
      if (change !== null) timer = setTimeout(tick, Math.min(change, PIECE_MS));
    };
    tick();
    return () => clearTimeout(timer);
  }, [untilMs, now]);
  return untilMs === null ? null : secondsLeft(untilMs, now());
}
