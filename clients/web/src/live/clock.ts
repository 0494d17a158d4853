/**
 * The server's clock as this page knows it. A sample is right within half its round trip, so the shortest
 * round trip wins; an old sample is trusted less, since the two clocks drift apart.
 */

/** Local times are of one clock that never jumps; `serverNow` is the server's, in Unix ms. */
export interface ClockSample {
  sentAt: number;
  receivedAt: number;
  serverNow: number;
}

/** Computers' clocks run apart by less than this: 100 ms in 1,000 s. */
const DRIFT = 1e-4;
const SAMPLES_KEPT = 8;
/** Between the samples of one synchronisation, so that one burst of traffic doesn't spoil them all. */
const PAUSE_MS = 60;

/** By how much the offset that `sample` gives may be wrong at the local time `at`, in ms. */
export function errorOf({ sentAt, receivedAt }: ClockSample, at: number): number {
  return (receivedAt - sentAt) / 2 + Math.max(0, at - receivedAt) * DRIFT;
}

/** The sample to go by at the local time `at`. */
export function bestOf(samples: readonly ClockSample[], at: number): ClockSample | undefined {
  let best: ClockSample | undefined;
  for (const sample of samples) if (!best || errorOf(sample, at) < errorOf(best, at)) best = sample;
  return best;
}

/** How far the server's clock is ahead of the local one, in ms: NTP's reckoning (RFC 5905, section 8). */
export function offsetOf(samples: readonly ClockSample[], at: number): number {
  const best = bestOf(samples, at);
  return best ? best.serverNow - (best.sentAt + best.receivedAt) / 2 : 0;
}

/** Unix ms by the clock that runs evenly, whatever is done to the computer's date meanwhile. */
export function evenly(): number {
  return performance.timeOrigin + performance.now();
}

export class ServerClock {
  private samples: ClockSample[] = [];
  private offset = 0;

  constructor(
    private readonly local: () => number = evenly,
    private readonly pause: (ms: number) => Promise<void> = (ms) => new Promise((done) => setTimeout(done, ms)),
  ) {}

  now(): number {
    return this.local() + this.offset;
  }

  /** By how much `now` may be wrong, in ms; infinite before the first sample. */
  error(): number {
    const at = this.local();
    const best = bestOf(this.samples, at);
    return best ? errorOf(best, at) : Infinity;
  }

  add(sample: ClockSample): void {
    this.samples = [...this.samples, sample].slice(-SAMPLES_KEPT);
    this.offset = offsetOf(this.samples, sample.receivedAt);
  }

  /** One sample; gives what `ask` gave. */
  async measure<T>(ask: () => Promise<T>, serverNow: (answer: T) => number): Promise<T> {
    const sentAt = this.local();
    const answer = await ask();
    this.add({ sentAt, receivedAt: this.local(), serverNow: serverNow(answer) });
    return answer;
  }

  /** Takes a few samples by asking `ask` for the server's time. */
  async sync(ask: () => Promise<number>, rounds = 5): Promise<void> {
    for (let i = 0; i < rounds; i++) {
      if (i > 0) await this.pause(PAUSE_MS);
      await this.measure(ask, (now) => now);
    }
  }

  /**
   * Forgets what it knew, as after the computer slept: the even clock may have stood still meanwhile. Until
   * the next sample the old offset is still the best guess.
   */
  distrust(): void {
    this.samples = [];
  }
}
