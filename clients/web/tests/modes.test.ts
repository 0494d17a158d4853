import { describe, expect, it } from "vitest";

import { corrected } from "../src/live/corrections";
import { barred, hasWords, NO_MODES, shieldUp, slowModeS, type Shield } from "../src/live/modes";
import type { LiveEvent } from "../src/live/wire";

const NOW = 1_800_000_000_000;
const shield: Shield = {
  since_ms: NOW,
  until_ms: NOW + 60_000,
  who_may_comment: "followers",
  followed_for_s: 600,
  slow_mode_s: 30,
};

describe("who may comment", () => {
  it("is everybody, as often as they like, in a room without modes", () => {
    expect(barred(NO_MODES, null, NOW)).toBeNull();
    expect(slowModeS(NO_MODES, NOW)).toBe(0);
  });

  it("is asked by the room and by its shield, whichever asks for more", () => {
    const settings = { ...NO_MODES, slow_mode_s: 60, who_may_comment: "followers" as const, shield };
    expect(barred(settings, null, NOW)).toEqual({ why: "followers", until_ms: null, followed_for_s: 600 });
    expect(barred(settings, NOW - 599_000, NOW)).toMatchObject({ until_ms: NOW + 1_000 });
    expect(barred(settings, NOW - 600_000, NOW)).toBeNull();
    expect(slowModeS(settings, NOW)).toBe(60);
    expect(slowModeS({ ...settings, slow_mode_s: 0 }, NOW)).toBe(30);
  });

  it("is asked by the room alone once the shield's time is over", () => {
    const settings = { ...NO_MODES, shield };
    expect(shieldUp(settings, NOW + 59_999)).toBe(true);
    expect(barred(settings, null, NOW + 60_000)).toBeNull();
    expect(shieldUp({ ...settings, shield: { ...shield, until_ms: null } }, NOW * 2)).toBe(true);
  });

  it("is nobody but moderators where the room says so, shield or not", () => {
    const settings = { ...NO_MODES, who_may_comment: "moderators" as const, shield };
    expect(barred(settings, 0, NOW)).toEqual({ why: "moderators" });
  });
});

it("tells words from emoji", () => {
  for (const text of ["🎉", "👨‍👩‍👧‍👦 ❤️", "🇨🇳", "1️⃣ #️⃣", "‼️"]) expect(hasWords(text)).toBe(false);
  for (const text of ["gg 🎉", "1", "五", "🎉!", "#"]) expect(hasWords(text)).toBe(true);
});

describe("what is taken back", () => {
  const said = (offset: number, user: string, reply_to?: object): LiveEvent => ({
    id: `c${offset}`,
    offset,
    kind: "comment",
    at_ms: 0,
    user: { id: user, name: user, badges: [] },
    data: { text: `words ${offset}`, ...(reply_to ? { reply_to } : {}) },
  });
  const act = (kind: string, data: Record<string, unknown>): LiveEvent => ({ id: "x", offset: 9, kind, at_ms: 0, data });

  it("leaves the list as it is where nothing is meant", () => {
    const comments = [said(1, "a"), said(2, "b")];
    expect(corrected(comments, said(3, "c"))).toBe(comments);
    expect(corrected(comments, act("comment.masked", { id: "elsewhere", text: "***" }))).toBe(comments);
    expect(corrected(comments, act("comment.purged", { user: "c", from: 1, to: 8 }))).toBe(comments);
  });

  it("purges only within the span", () => {
    const comments = [said(1, "a"), said(2, "a"), said(3, "b")];
    const left = corrected(comments, act("comment.purged", { user: "a", from: 2, to: 8 }));
    expect(left.map(({ id }) => id)).toEqual(["c1", "c3"]);
  });
});
