/** Keeps a ServerClock right: after each connect, now and then, and when the computer's clocks disagree. */
import { evenly, type ServerClock } from "./clock";

/** The clocks drift by at most 12 ms meanwhile; ten thousand viewers ask 170 times a second. */
const EVERY_MS = 120_000;
const ROUNDS_AGAIN = 2;
/** How often to look whether this computer slept or its date was set. */
const LOOK_MS = 2_000;
const JUMP_MS = 100;

export class Timekeeper {
  private timer: ReturnType<typeof setInterval> | null = null;
  private dueAt = Infinity;
  private gap: number | null = null;
  private asking = false;

  constructor(
    private readonly clock: ServerClock,
    private readonly ask: () => Promise<number>,
    private readonly even: () => number = evenly,
    private readonly wall: () => number = Date.now,
  ) {}

  /** The connection is up (again). */
  connected(): void {
    this.timer ??= setInterval(() => this.look(), LOOK_MS);
    if (this.jumped()) this.clock.distrust();
    void this.sync();
  }

  close(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  /** Public for tests; called by a timer. */
  look(): void {
    if (this.jumped()) {
      this.clock.distrust();
      void this.sync();
    } else if (this.even() >= this.dueAt) void this.sync(ROUNDS_AGAIN);
  }

  /** Whether one of the two local clocks has jumped since this was last asked. */
  private jumped(): boolean {
    const gap = this.wall() - this.even();
    const jumped = this.gap !== null && Math.abs(gap - this.gap) > JUMP_MS;
    this.gap = gap;
    return jumped;
  }

  private async sync(rounds?: number): Promise<void> {
    // Spread out, so that all who came at once don't ask at once for ever after.
    this.dueAt = this.even() + EVERY_MS * (0.75 + Math.random() / 2);
    if (this.asking) return;
    this.asking = true;
    try {
      await this.clock.sync(this.ask, rounds);
    } catch {
      // The connection went away: the next one synchronises again.
    } finally {
      this.asking = false;
    }
  }
}
