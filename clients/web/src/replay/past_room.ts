/**
 * A room as it was: a `Room` without a connection, whose state is made of a recording's log by the time of its
 * picture. The parts of the viewer's page show it like any other, and nobody can do anything in it.
 */
import { batch, signal } from "@preact/signals";

import { asRefusal, type Refusal } from "../live/errors";
import { emptyState } from "../live/fold";
import { clockAt, countAt, covers, longer, makeReel, stateAt, type ClockPoint, type Reel } from "../live/reel";
import { Room } from "../live/room";
import { withComments } from "../live/timeline";
import type { LiveEvent } from "../live/wire";
import type { BlurredStretch, TimelinePage } from "./wire";

export type Load = (asked: {
  from: number;
  to: number;
  snapshot?: boolean;
  cursor?: string | null;
}) => Promise<TimelinePage>;

/** So much is asked for at a time; the next when so much is left. */
const STRETCH_MS = 90_000;
const AHEAD_MS = 30_000;
/** A longer step of the picture's clock is a jump: what lies between doesn't happen one by one. */
const STEP_MAX_MS = 3_000;
const DRAG_MS = 150;
const AGAIN_MS = 2_000;

export class PastRoom extends Room {
  /** Why what happened isn't known at the moment. */
  readonly trouble = signal<Refusal | null>(null);
  readonly loading = signal(false);
  /** Whether the host's picture was blurred for those who watched at this place. */
  readonly blurred = signal(false);
  /** The room's clock at that time. */
  override readonly now = (): number => clockAt(this.clockPoints, this.place);

  /** Called when the place has jumped, and what is to be seen is another. */
  onJump: (() => void) | null = null;

  private stretches: readonly BlurredStretch[] = [];
  private clockPoints: readonly ClockPoint[] = [];
  private reel: Reel | null = null;
  /** How many of the reel's events have happened. */
  private done = 0;
  private place = 0;
  private shownUpTo = -1;
  /** The beginning of what was asked for last. */
  private asked = -1;
  private pause: ReturnType<typeof setTimeout> | undefined;

  constructor(
    room: string,
    private readonly load: Load,
  ) {
    super(room, null);
  }

  /** The picture is at `ms` of the recording. To be called often while it plays. */
  at(ms: number): void {
    const step = ms - this.place;
    this.place = ms;
    this.blurred.value = this.stretches.some(({ from_ms, to_ms }) => from_ms <= ms && ms < to_ms);
    const reel = this.reel;
    if (!covers(reel, ms)) {
      if (!this.isLoading(ms)) this.begin(Math.floor(ms));
      return;
    }
    if (step < 0 || step > STEP_MAX_MS || this.shownUpTo < reel.from) this.rebuild(reel, ms);
    else this.goOn(reel, ms);
    if (reel.to - ms < AHEAD_MS && !this.isLoading(reel.to)) this.begin(reel.to);
  }

  override close(): void {
    clearTimeout(this.pause);
    this.asked = -1;
    super.close();
  }

  /** Event after event, as they came. */
  private goOn(reel: Reel, ms: number): void {
    const due = countAt(reel, ms);
    if (due > this.done) {
      batch(() => {
        for (const event of reel.events.slice(this.done, due)) this.apply(event);
      });
      this.done = due;
    }
    this.shownUpTo = ms;
  }

  /** As somebody would see it who comes in at `ms`. */
  private rebuild(reel: Reel, ms: number): void {
    this.done = countAt(reel, ms);
    const before = reel.events.slice(0, this.done);
    batch(() => {
      this.state.value = stateAt(reel, ms);
      const said = [...reel.state.comments, ...before.filter(({ kind }) => kind === "comment")];
      this.comments.value = withComments([], said, this.commentsKept);
      this.gifts.restart(before);
      this.entered.value = true;
      this.link.value = "online";
    });
    this.shownUpTo = ms;
    this.onJump?.();
  }

  private isLoading(ms: number): boolean {
    return this.loading.peek() && this.asked <= ms && ms < this.asked + STRETCH_MS;
  }

  /** Asks for what happened from `from` on, unless somebody who is dragging the bar goes somewhere else. */
  private begin(from: number): void {
    const wait = this.loading.peek() ? DRAG_MS : 0;
    this.asked = from;
    this.loading.value = true;
    clearTimeout(this.pause);
    this.pause = setTimeout(() => void this.fetch(from), wait);
  }

  private async fetch(from: number): Promise<void> {
    const continued = this.reel?.to === from ? this.reel : null;
    try {
      const to = from + STRETCH_MS;
      const first = await this.load({ from, to, snapshot: continued === null });
      const events = [...first.items];
      for (let next = first.next; next !== null && this.asked === from; ) {
        const page = await this.load({ from, to, cursor: next });
        events.push(...page.items);
        next = page.next;
      }
      if (this.asked === from) this.take(from, continued, first, events);
    } catch (thrown) {
      if (this.asked === from) this.failed(asRefusal(thrown));
    }
  }

  private take(from: number, continued: Reel | null, page: TimelinePage, events: readonly LiveEvent[]): void {
    this.loading.value = false;
    this.trouble.value = null;
    this.clockPoints = page.clock;
    this.stretches = page.blurred;
    const to = page.to_ms >= page.duration_ms ? Infinity : from + STRETCH_MS;
    if (continued) this.reel = longer(continued, to, events);
    else {
      const state = { ...emptyState(this.id), ...page.snapshot };
      this.reel = makeReel(Math.min(from, page.from_ms), to, state, events);
      this.shownUpTo = -1;
    }
    this.at(this.place);
  }

  private failed(refusal: Refusal): void {
    this.trouble.value = refusal;
    this.pause = setTimeout(() => {
      this.loading.value = false;
      this.at(this.place);
    }, AGAIN_MS);
  }
}
