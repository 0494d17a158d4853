import { useEffect, useState } from "preact/hooks";

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
