/** Holds a list still while somebody reads or aims at it. */
import { computed, signal, type ReadonlySignal } from "@preact/signals";

import type { Timeline } from "../live/timeline";

export class Pause {
  /** Why the list stands still; it moves when no reason is left. */
  private readonly reasons = signal<ReadonlySet<string>>(new Set());
  private readonly frozen = signal<Timeline>([]);

  readonly paused = computed(() => this.reasons.value.size > 0);
  /** What to show: as it was when the pause began, without what was deleted or masked since. */
  readonly shown: ReadonlySignal<Timeline> = computed(() => {
    const current = this.live.value;
    if (!this.paused.value) return current;
    const there = new Map(current.map((comment) => [comment.id, comment]));
    return this.frozen.value.flatMap((comment) => there.get(comment.id) ?? []);
  });
  readonly waiting = computed(() => {
    if (!this.paused.value) return 0;
    const last = this.frozen.value.at(-1)?.offset ?? 0;
    return this.live.value.filter((comment) => comment.offset > last).length;
  });

  constructor(private readonly live: ReadonlySignal<Timeline>) {}

  set(reason: string, on: boolean): void {
    if (this.reasons.peek().has(reason) === on) return;
    const reasons = new Set(this.reasons.peek());
    if (on) reasons.add(reason);
    else reasons.delete(reason);
    if (reasons.size > 0 && this.reasons.peek().size === 0) this.frozen.value = this.live.peek();
    this.reasons.value = reasons;
  }

  clear(): void {
    this.reasons.value = new Set();
  }
}
