import { describe, expect, it } from "vitest";

import { EMPTY_PACKET, packetOfDraft } from "../src/live/packet_draft";

describe("a red packet's form", () => {
  const of = (coins: string, count: string, greeting = "") => packetOfDraft({ ...EMPTY_PACKET, coins, count, greeting });

  it("is what is sent", () => {
    expect(of("100", "10", "  Good luck ")).toEqual({ coins: 100, count: 10, split: "random", who: "all", seconds: 600, greeting: "Good luck" });
    expect(of("2000", "2000")).not.toHaveProperty("greeting");
  });

  it("says what is wrong", () => {
    for (const coins of ["", "0", "-5", "1.5", "1e3", "10000001"]) expect(of(coins, "1")).toBe("coins");
    for (const count of ["", "0", "2001"]) expect(of("5000", count)).toBe("count");
    expect(of("9", "10")).toBe("too_few");
  });
});
