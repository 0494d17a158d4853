/** What a countdown shows, and when it has to show something else. Pure. */

/** Whole seconds left, rounded up: "1" is shown until the very end, and 0 exactly from then on. */
export function secondsLeft(untilMs: number, nowMs: number): number {
  return Math.max(0, Math.ceil((untilMs - nowMs) / 1000));
}

/**
 * In how many whole ms the shown second changes; null when it is over. Rounded up: a timer that fires a
 * fraction of a millisecond early would find the old second.
 */
export function nextChangeMs(untilMs: number, nowMs: number): number | null {
  const left = untilMs - nowMs;
  if (left <= 0) return null;
  return Math.ceil(left - (Math.ceil(left / 1000) - 1) * 1000);
}
