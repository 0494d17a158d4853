import { describe, expect, it } from "vitest";

import { askIn, claimsOf, endOf, samePerson } from "../src/live/renewal";

const token = (claims: object) =>
  `e30.${btoa(JSON.stringify(claims)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "")}.sig`;

describe("a token's end", () => {
  it("is read without trusting it", () => {
    expect(endOf(token({ exp: 1_700_000_000, name: "~~~???>>>" }))).toBe(1_700_000_000_000);
    expect([endOf(token({})), endOf("nonsense"), endOf("a.%%%.c"), claimsOf("")]).toEqual([null, null, null, null]);
  });

  it("is told a minute before, half-way for short ones, and never for those that are over", () => {
    const now = 1_000_000;
    const ending = (seconds: number) => askIn(token({ exp: now / 1000 + seconds }), now);
    expect([ending(3600), ending(90), ending(20), ending(0), ending(-5)]).toEqual([3_540_000, 45_000, 10_000, null, null]);
    expect(ending(10 ** 9)).toBeLessThan(2 ** 31);
  });

  it("brings no other person in", () => {
    const mine = token({ iss: "shop", sub: "u1", exp: 1 });
    expect(samePerson(mine, token({ iss: "shop", sub: "u1", exp: 2 }))).toBe(true);
    expect(samePerson(mine, token({ iss: "shop", sub: "u2" }))).toBe(false);
    expect(samePerson(mine, token({ iss: "else", sub: "u1" }))).toBe(false);
    expect(samePerson(token({}), token({}))).toBe(false);
  });
});
