import { describe, expect, it, vi } from "vitest";

import { errorOf, offsetOf, ServerClock } from "../src/live/clock";
import { nextChangeMs, secondsLeft } from "../src/live/countdown";
import { Timekeeper } from "../src/live/timekeeper";

const AHEAD_MS = 5_000;

/** A server over a line whose ways take as long as `line` says, and the local clock. */
function world(line: () => [there: number, back: number]) {
  const now = { local: 1_000 };
  const ask = () => {
    const [there, back] = line();
    now.local += there;
    const serverNow = now.local + AHEAD_MS;
    now.local += back;
    return Promise.resolve(serverNow);
  };
  const pause = (ms: number) => {
    now.local += ms;
    return Promise.resolve();
  };
  const clock = new ServerClock(() => now.local, pause);
  return { now, ask, clock, wrong: () => Math.abs(clock.now() - (now.local + AHEAD_MS)) };
}

describe("the server's clock", () => {
  it("trusts the sample with the shortest round trip", () => {
    const samples = [
      { sentAt: 0, receivedAt: 400, serverNow: 1_390 },
      { sentAt: 500, receivedAt: 520, serverNow: 1_510 },
    ];
    expect(offsetOf(samples, 520)).toBe(1_000);
  });

  it("is right within half the shortest round trip, however the line splits it", async () => {
    // All of the delay on one way is the worst that can happen.
    const ways: [number, number][] = [[120, 0], [0, 30], [80, 0], [0, 60], [200, 40]];
    const { clock, ask, wrong } = world(() => ways.shift() ?? [50, 0]);
    await clock.sync(ask);
    expect(wrong()).toBeLessThanOrEqual(15.1);
    expect(clock.error()).toBeGreaterThanOrEqual(wrong());
  });

  it("stays within 100 ms over lines of all kinds, as long as one of five round trips is short enough", async () => {
    for (let seed = 1; seed <= 200; seed++) {
      let state = seed;
      const random = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
      let round = 0;
      const good = Math.floor(random() * 5);
      const { clock, ask, wrong } = world(() =>
        round++ === good ? [random() * 100, random() * 100] : [random() * 900, random() * 900],
      );
      await clock.sync(ask);
      expect(wrong()).toBeLessThanOrEqual(100);
    }
  });

  it("prefers a fresh sample over one that was better long ago", () => {
    const old = { sentAt: 0, receivedAt: 10, serverNow: 5 };
    const fresh = { sentAt: 600_000, receivedAt: 600_080, serverNow: 600_100 };
    expect(errorOf(old, 600_080)).toBeGreaterThan(errorOf(fresh, 600_080));
    expect(offsetOf([old, fresh], 600_080)).toBe(60);
    // But not over one of a moment ago.
    expect(offsetOf([old, { ...fresh, sentAt: 1_000, receivedAt: 1_080 }], 1_080)).toBe(0);
  });

  it("keeps what it knows when the connection goes away in the middle", async () => {
    const { clock, ask, wrong } = world(() => [10, 10]);
    await clock.sync(ask);
    await expect(clock.sync(() => Promise.reject(new Error("away")))).rejects.toThrow("away");
    expect(wrong()).toBeLessThanOrEqual(10);
  });

  it("knows how wrong it may be", () => {
    const clock = new ServerClock(() => 0);
    expect(clock.error()).toBe(Infinity);
  });
});

describe("keeping the clock right", () => {
  const settled = () => vi.waitFor(() => Promise.resolve());

  it("synchronises again after this computer slept, though its even clock stood still", async () => {
    const { now, ask, clock, wrong } = world(() => [10, 10]);
    const wall = { ahead: 0 };
    const asked = vi.fn(ask);
    const keeper = new Timekeeper(clock, asked, () => now.local, () => now.local + wall.ahead);
    keeper.connected();
    await vi.waitFor(() => expect(asked).toHaveBeenCalledTimes(5));
    await settled();
    expect(wrong()).toBeLessThanOrEqual(10);

    wall.ahead += 60_000;
    const serverAheadNow = AHEAD_MS + 60_000;
    asked.mockImplementation(async () => (await ask()) + 60_000);
    keeper.look();
    await vi.waitFor(() => expect(asked).toHaveBeenCalledTimes(10));
    await settled();
    expect(Math.abs(clock.now() - (now.local + serverAheadNow))).toBeLessThanOrEqual(10);
    keeper.close();
  });

  it("asks again now and then, and not in between", async () => {
    const { now, ask, clock } = world(() => [10, 10]);
    const asked = vi.fn(ask);
    const keeper = new Timekeeper(clock, asked, () => now.local, () => now.local);
    keeper.connected();
    await vi.waitFor(() => expect(asked).toHaveBeenCalledTimes(5));
    await settled();
    now.local += 60_000;
    keeper.look();
    expect(asked).toHaveBeenCalledTimes(5);
    now.local += 120_000;
    keeper.look();
    await vi.waitFor(() => expect(asked).toHaveBeenCalledTimes(7));
    keeper.close();
  });
});

describe("a countdown", () => {
  it("shows a second until its very end, and zero exactly at the end", () => {
    expect(secondsLeft(10_000, 0)).toBe(10);
    expect(secondsLeft(10_000, 0.5)).toBe(10);
    expect(secondsLeft(10_000, 1_000)).toBe(9);
    expect(secondsLeft(10_000, 9_999)).toBe(1);
    expect(secondsLeft(10_000, 10_000)).toBe(0);
    expect(secondsLeft(10_000, 12_000)).toBe(0);
  });

  it("changes when it has to, whatever the moment it began at", () => {
    for (let start = 0; start < 3_000; start += 37.7) {
      let now = start;
      const shown: [number, number][] = [];
      for (;;) {
        const change = nextChangeMs(3_000, now);
        if (change === null) break;
        expect(change).toBeGreaterThan(0);
        expect(change).toBeLessThanOrEqual(1_000);
        const before = secondsLeft(3_000, now);
        now += change;
        shown.push([before, secondsLeft(3_000, now)]);
      }
      for (const [before, after] of shown) expect(after).toBe(before - 1);
      expect(secondsLeft(3_000, now)).toBe(0);
    }
  });

  it("is over when it is", () => {
    expect(nextChangeMs(1_000, 1_000)).toBeNull();
    expect(nextChangeMs(1_000, 5_000)).toBeNull();
  });
});
