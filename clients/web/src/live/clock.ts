/** The server's clock as this page knows it: the sample with the shortest round trip is the best. */

export interface ClockSample {
  sentAt: number;
  receivedAt: number;
  serverNow: number;
}

/** How far the server's clock is ahead of the local one, in ms: NTP's reckoning on the best sample. */
export function offsetOf(samples: readonly ClockSample[]): number {
  let best: ClockSample | undefined;
  for (const sample of samples) {
    if (!best || sample.receivedAt - sample.sentAt < best.receivedAt - best.sentAt) best = sample;
  }
  return best ? best.serverNow - (best.sentAt + best.receivedAt) / 2 : 0;
}

export class ServerClock {
  private samples: ClockSample[] = [];
  private offset = 0;

  constructor(private readonly local: () => number = Date.now) {}

  now(): number {
    return this.local() + this.offset;
  }

  add(sample: ClockSample): void {
    this.samples = [...this.samples, sample].slice(-8);
    this.offset = offsetOf(this.samples);
  }

  /** Takes a few samples by asking `ask` for the server's time. */
  async sync(ask: () => Promise<number>, rounds = 4): Promise<void> {
    this.samples = [];
    for (let i = 0; i < rounds; i++) {
      const sentAt = this.local();
      const serverNow = await ask();
      this.add({ sentAt, receivedAt: this.local(), serverNow });
    }
  }
}
