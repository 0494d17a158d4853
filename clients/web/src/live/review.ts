/** The moderators' queue as one page knows it: what waits, and what was decided while it looked. */
import { computed, signal } from "@preact/signals";

import type { ReviewItem, ReviewPart, ReviewReason } from "./review_wire";

const DONE_KEPT = 200;
const WAITS_KEPT = 100;

export class ReviewSide {
  private readonly known = signal<ReadonlyMap<string, ReviewItem>>(new Map());
  /** How long the latest decisions took, in ms. */
  private readonly waits = signal<readonly number[]>([]);
  /** How many wait that this page hasn't been told of. */
  readonly more = signal(0);

  /** What waits, the longest first. */
  readonly open = computed(() =>
    [...this.known.value.values()].filter((item) => item.state === "open").sort((a, b) => a.at_ms - b.at_ms || (a.id < b.id ? -1 : 1)),
  );
  readonly waiting = computed(() => this.open.value.length + this.more.value);
  /** Half of the latest decisions took no longer than the first, nine in ten no longer than the second. */
  readonly times = computed(() => ({ p50: share(this.waits.value, 0.5), p90: share(this.waits.value, 0.9) }));

  get(id: string): ReviewItem | undefined {
    return this.known.value.get(id);
  }

  entered(part: ReviewPart): void {
    const done = [...this.known.value.values()].filter((item) => item.state !== "open");
    this.known.value = new Map([...done, ...part.items].map((item) => [item.id, item]));
    this.more.value = Math.max(0, part.waiting - part.items.length);
    this.waits.value = part.waits_ms;
  }

  take(item: ReviewItem): void {
    const before = this.known.value.get(item.id);
    const known = new Map(this.known.value).set(item.id, item);
    const done = [...known.values()].filter(({ state }) => state !== "open");
    for (const old of done.slice(0, Math.max(0, done.length - DONE_KEPT))) known.delete(old.id);
    this.known.value = known;
    if (item.state === "open") return;
    if (!before) this.more.value = Math.max(0, this.more.value - 1);
    if (item.state === "decided" && before?.state !== "decided" && item.waited_ms !== null) {
      this.waits.value = [item.waited_ms, ...this.waits.value].slice(0, WAITS_KEPT);
    }
  }
}

/** The smallest value that so many don't exceed; null of none. */
export function share(values: readonly number[], of: number): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * of) - 1)] ?? null;
}

/** The text in pieces, of which every other one is covered by spans, however these overlap. */
export function pieces(text: string, reasons: readonly ReviewReason[]): { piece: string; hit: boolean }[] {
  const points = Array.from(text);
  const hit = points.map((_, at) => reasons.some(({ start, end }) => start !== null && end !== null && start <= at && at < end));
  const found: { piece: string; hit: boolean }[] = [];
  points.forEach((point, at) => {
    const last = found.at(-1);
    if (last && last.hit === hit[at]) last.piece += point;
    else found.push({ piece: point, hit: hit[at] ?? false });
  });
  return found;
}
