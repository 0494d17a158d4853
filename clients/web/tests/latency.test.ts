import { describe, expect, it } from "vitest";

import { hlsBehind, REPORTERS, reportsNow, whepBehind } from "../src/media/delay";

const NOW = 1_760_000_000_000;
const NTP = 2_208_988_800_000;

describe("how far a picture is behind", () => {
  it("is read off the time of the frame that is shown", () => {
    expect(whepBehind({ estimatedPlayoutTimestamp: NTP + NOW - 180.4 }, 900, NOW)).toBe(180);
  });

  it("is the wait in the buffer and half of the round trip where there is no report yet", () => {
    expect(whepBehind({ jitterBufferDelay: 12, jitterBufferEmittedCount: 100 }, 60, NOW)).toBe(150);
    expect(whepBehind({ jitterBufferDelay: 12, jitterBufferEmittedCount: 100 }, null, NOW)).toBeNull();
    expect(whepBehind({}, 60, NOW)).toBeNull();
  });

  it("follows the playlist's dates with HLS", () => {
    expect(hlsBehind(new Date(NOW - 1_400), NOW)).toBe(1_400);
    expect(hlsBehind(null, NOW)).toBeNull();
  });

  it("is not believed where a clock must be wrong", () => {
    expect(hlsBehind(new Date(NOW + 100), NOW)).toBe(0);
    expect(hlsBehind(new Date(NOW + 5_000), NOW)).toBeNull();
    expect(hlsBehind(new Date(NOW - 3_600_000), NOW)).toBeNull();
  });
});

describe("who reports", () => {
  it("is everybody in a small room", () => {
    expect(reportsNow(0, 0.999)).toBe(true);
    expect(reportsNow(REPORTERS, 0.999)).toBe(true);
  });

  it("is a sample in a large one", () => {
    const chances = Array.from({ length: 10_000 }, (_, n) => n / 10_000);
    expect(chances.filter((chance) => reportsNow(10_000, chance)).length).toBe(REPORTERS);
  });
});
