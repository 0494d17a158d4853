/** One moderator's way through the queue: what is shown, what is selected, and whose it is meanwhile. */
import { computed, effect, signal } from "@preact/signals";

import { reviewQueue } from "../live/api";
import { asRefusal } from "../live/errors";
import type { Decision, JudgedAgain, ReviewItem } from "../live/review_wire";
import type { Room } from "../live/room";
import { toastError } from "../ui/toasts";

/** Whoever only passes by with the keys takes nothing. */
const DWELL_MS = 400;
/** A third of a claim's lease. */
const RENEW_MS = 20_000;

export class QueueDesk {
  /** Whether the keys are the queue's. */
  readonly active = signal(false);
  readonly selected = signal<string | null>(null);
  readonly hovered = signal(false);
  /** Where a reason has to be written before a decision. */
  readonly asksReason = signal(false);
  /** What the filter says by now of the item that was taken last, where the lists have changed since. */
  readonly again = signal<{ id: string; now: JudgedAgain } | null>(null);
  /** The ids in the list: it doesn't move while somebody works in it. */
  private readonly ids = signal<readonly string[]>([]);

  readonly shown = computed(() => this.ids.value.flatMap((id) => this.room.staff.review.get(id) ?? []));
  readonly fresh = computed(() => {
    const known = new Set(this.ids.value);
    return this.room.staff.review.open.value.filter(({ id }) => !known.has(id)).length + this.room.staff.review.more.value;
  });
  readonly current = computed(() => this.shown.value.find(({ id }) => id === this.selected.value) ?? null);

  private dwell: ReturnType<typeof setTimeout> | undefined;
  private readonly renewal: ReturnType<typeof setInterval>;
  private readonly stop: () => void;

  constructor(private readonly room: Room) {
    this.renewal = setInterval(() => this.renew(), RENEW_MS);
    this.stop = effect(() => {
      const open = this.room.staff.review.open.value;
      if (this.selected.value === null && !this.hovered.value) this.ids.value = open.map(({ id }) => id);
    });
  }

  close(): void {
    this.stop();
    clearInterval(this.renewal);
    clearTimeout(this.dwell);
  }

  enter(): void {
    this.active.value = true;
    if (this.selected.peek() === null) this.step(1, true);
  }

  leave(): void {
    this.select(null);
    this.active.value = false;
  }

  /** What came meanwhile, at the end of the list; what is done leaves it. */
  refresh(): void {
    const open = this.room.staff.review.open.peek().map(({ id }) => id);
    const selected = this.selected.peek();
    this.ids.value = selected !== null && !open.includes(selected) ? [selected, ...open] : open;
    if (this.room.staff.review.more.peek() > 0) void this.fetch();
  }

  /** To the next one that waits, up or down; `free`: that nobody else is on. */
  step(by: number, free = false): void {
    const open = this.shown.peek();
    const at = open.findIndex(({ id }) => id === this.selected.peek());
    const on = (from: number, to: number): number => {
      for (let i = from; i >= 0 && i < open.length; i += to) {
        const item = open[i];
        if (item?.state === "open" && !(free && this.isTaken(item))) return i;
      }
      return -1;
    };
    const next = at === -1 ? on(0, 1) : on(at + by, by);
    const found = open[next];
    if (found) this.select(found.id);
  }

  select(id: string | null): void {
    const before = this.current.peek();
    if (before?.id === id) return;
    if (before && this.isMine(before)) void this.send("review.release", before.id);
    clearTimeout(this.dwell);
    this.asksReason.value = false;
    this.selected.value = id;
    if (id !== null) this.dwell = setTimeout(() => this.claim(), DWELL_MS);
  }

  /** Takes what is selected, unless somebody has it. */
  claim(): void {
    const item = this.current.peek();
    if (item?.state === "open" && !this.isTaken(item)) void this.take(item.id);
  }

  toggle(): void {
    const item = this.current.peek();
    if (item && this.isMine(item)) void this.send("review.release", item.id);
    else this.claim();
  }

  async decide(item: ReviewItem, decision: Decision, reason = ""): Promise<void> {
    if (item.kind === "appeal" && decision === "refuse" && reason.trim() === "") {
      this.asksReason.value = true;
      return;
    }
    clearTimeout(this.dwell);
    try {
      const answer = await this.room.send("review.decide", { item: item.id, decision, reason });
      this.room.staff.review.take(answer.item);
      this.asksReason.value = false;
      if (this.selected.peek() === item.id) this.next();
    } catch (thrown) {
      toastError(thrown);
    }
  }

  isMine(item: ReviewItem): boolean {
    return this.isHeld(item) && item.claim?.by.id === this.room.you.user.peek()?.id;
  }

  isTaken(item: ReviewItem): boolean {
    return this.isHeld(item) && !this.isMine(item);
  }

  private isHeld({ state, claim }: ReviewItem): boolean {
    return state === "open" && claim !== null && claim.until_ms > this.room.now();
  }

  /** On with what waits below, or else above; when nothing is left, with what came meanwhile. */
  private next(): void {
    const before = this.selected.peek();
    this.step(1, true);
    if (this.selected.peek() === before) this.step(-1, true);
    if (this.selected.peek() !== before) return;
    this.selected.value = null;
    this.refresh();
    if (this.active.peek()) this.step(1, true);
  }

  private renew(): void {
    const item = this.current.peek();
    if (item && this.isMine(item) && !document.hidden) void this.take(item.id);
  }

  private async take(id: string): Promise<void> {
    const now = (await this.send("review.claim", id))?.now;
    if (now) this.again.value = { id, now };
    else if (this.again.peek()?.id === id) this.again.value = null;
  }

  private async send(command: "review.claim" | "review.release", item: string): Promise<{ item: ReviewItem; now?: JudgedAgain } | undefined> {
    try {
      const answer = await this.room.send(command, { item });
      this.room.staff.review.take(answer.item);
      return answer;
    } catch (thrown) {
      // Somebody was quicker: the list says so anyway.
      if (asRefusal(thrown).code !== "claimed" && asRefusal(thrown).code !== "over") toastError(thrown);
      return undefined;
    }
  }

  private async fetch(): Promise<void> {
    try {
      const { items, waiting } = await reviewQueue(this.room.id, this.room.token);
      for (const item of items) this.room.staff.review.take(item);
      this.room.staff.review.more.value = Math.max(0, waiting - items.length);
      this.ids.value = this.room.staff.review.open.peek().map(({ id }) => id);
    } catch (thrown) {
      toastError(thrown);
    }
  }
}
