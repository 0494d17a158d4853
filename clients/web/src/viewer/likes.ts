/** A viewer's likes, gathered for a second and sent as one number. */
const GATHER_MS = 1_000;
const COUNT_MAX = 50;

export class Likes {
  private pending = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly send: (count: number) => Promise<void>) {}

  add(): void {
    this.pending = Math.min(this.pending + 1, COUNT_MAX);
    this.timer ??= setTimeout(() => this.flush(), GATHER_MS);
  }

  private flush(): void {
    this.timer = undefined;
    const count = this.pending;
    this.pending = 0;
    // A like that gets lost is not worth a message.
    this.send(count).catch(() => undefined);
  }
}
