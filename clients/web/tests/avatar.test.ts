import { describe, expect, it } from "vitest";

import { middle } from "../src/live/avatar";
import { corrected } from "../src/live/corrections";
import type { LiveEvent, Person } from "../src/live/wire";
import { YourSide } from "../src/live/you";

const said = (offset: number, user: Person): LiveEvent => ({
  id: `c${offset}`,
  offset,
  kind: "comment",
  at_ms: 0,
  user: { ...user, badges: [] },
  data: { text: "x" },
});

describe("the middle of a picture", () => {
  it("is the largest square that there is", () => {
    expect(middle(300, 100)).toEqual({ x: 100, y: 0, side: 100 });
    expect(middle(101, 300)).toEqual({ x: 0, y: 99, side: 101 });
    expect(middle(7, 7)).toEqual({ x: 0, y: 0, side: 7 });
  });
});

describe("one's own picture", () => {
  const side = () => {
    const you = new YourSide("tea");
    you.user.value = { id: "lin", name: "Lin" };
    return you;
  };

  it("is the one that was last told, in whichever room one is", () => {
    const you = side();
    you.take({ seq: 1, kind: "avatar", at_ms: 0, data: { avatar: "A" } });
    expect(you.user.value).toEqual({ id: "lin", name: "Lin", avatar: "A" });
    you.take({ seq: 2, kind: "avatar", at_ms: 0, data: { avatar: null } });
    expect(you.user.value).toEqual({ id: "lin", name: "Lin" });
  });

  it("is gone when it was removed, which is told until there is another", () => {
    const you = side();
    you.take({ seq: 1, kind: "avatar", at_ms: 0, data: { avatar: "A" } });
    you.take({ seq: 2, kind: "avatar_removed", at_ms: 0, data: { reason: "no", until_ms: 9 } });
    expect(you.user.value?.avatar).toBeUndefined();
    expect(you.avatarRemoved.value).toEqual({ reason: "no", until_ms: 9 });
    you.setAvatar("B");
    expect(you.avatarRemoved.value).toBeNull();
  });
});

describe("a picture that was taken down", () => {
  const lin = { id: "lin", name: "Lin", avatar: "A" };
  const event: LiveEvent = { id: "r", offset: 9, kind: "avatar.removed", at_ms: 0, data: { user: "lin" } };

  it("is no longer beside what its owner said, and others keep theirs", () => {
    const [first, second] = corrected([said(1, lin), said(2, { ...lin, id: "wu" })], event);
    expect(first?.user).toEqual({ id: "lin", name: "Lin", badges: [] });
    expect(second?.user?.avatar).toBe("A");
  });

  it("leaves the list as it is where there was none", () => {
    const before = [said(1, { id: "lin", name: "Lin" })];
    expect(corrected(before, event)).toBe(before);
  });
});
