import { describe, expect, it } from "vitest";

import { giftName, giftOf, GiftSide, withGift, withoutGift } from "../src/live/gifts";
import type { LiveEvent } from "../src/live/wire";
import { advance, EMPTY, nextMs, put, type Queue } from "../src/viewer/gifts/queue";

const rose = { id: "rose", names: { en: "Rose", zh: "玫瑰" }, picture: "", price: 1, tier: "small", effect: "none" };

function given(offset: number, combo: string, count = 1, coins = count, at_ms = 1_000): LiveEvent {
  const data = { gift: rose, count: 1, coins: 1, combo: { id: combo, count, coins }, banner: false };
  return { id: `e${offset}`, offset, kind: "gift", at_ms, user: { id: "lin", name: "Lin", badges: [] }, data };
}

const counts = (lines: readonly LiveEvent[]) => lines.map((line) => [giftOf(line).combo.id, giftOf(line).combo.count]);

describe("the lines of gifts", () => {
  it("have one for each combo, with what it came to, in the order of the log", () => {
    let lines = withGift([], given(1, "a"), 10);
    lines = withGift(lines, given(2, "b"), 10);
    lines = withGift(lines, given(3, "a", 2), 10);
    expect(counts(lines)).toEqual([["b", 1], ["a", 2]]);
    expect(withGift(lines, given(1, "a"), 10)).toBe(lines);
    expect(counts(withGift(lines, given(4, "c"), 2))).toEqual([["a", 2], ["c", 1]]);
  });

  it("lose what was given back, and go with the last of it", () => {
    const lines = [given(1, "a"), given(5, "b", 3)];
    expect(counts(withoutGift(lines, { combo: "b", count: 2, coins: 2 }))).toEqual([["a", 1], ["b", 1]]);
    expect(counts(withoutGift(lines, { combo: "a", count: 1, coins: 1 }))).toEqual([["b", 3]]);
  });

  it("are told once, and not of what was given while the page was away", () => {
    const side = new GiftSide(() => 10_000);
    const told: string[] = [];
    side.onGift = (event) => told.push(event.id);
    side.take(given(1, "a", 1, 1, 1_000));
    side.take(given(2, "b", 1, 1, 9_000));
    side.take(given(2, "b", 1, 1, 9_000));
    expect(told).toEqual(["e2"]);
    side.take({ ...given(3, ""), kind: "gift.refunded", data: { id: "e2", combo: "b", count: 1, coins: 1 } });
    expect(counts(side.lines.value)).toEqual([["a", 1]]);
    side.take(given(2, "b", 1, 1, 9_000));
    expect(counts(side.lines.value)).toEqual([["a", 1]]);
  });

  it("name a gift in the reader's language if they can", () => {
    expect(giftName(rose, "zh")).toBe("玫瑰");
    expect(giftName(rose, "fr")).toBe("Rose");
    expect(giftName({ names: { fr: "Thé" } }, "zh")).toBe("Thé");
  });
});

describe("what waits to be shown", () => {
  const rules = { places: 1, staysMs: 100, waitingMax: 2 };
  const showing = (queue: Queue) => counts(queue.shown.map((each) => each.event));

  it("comes one after the other, and a combo that grows stays", () => {
    let queue = put(EMPTY, given(1, "a"), 0, rules);
    queue = put(queue, given(2, "b"), 10, rules);
    queue = put(queue, given(3, "a", 2), 50, rules);
    expect(showing(queue)).toEqual([["a", 2]]);
    expect(nextMs(queue)).toBe(150);
    expect(showing(advance(queue, 149, rules))).toEqual([["a", 2]]);
    queue = advance(queue, 150, rules);
    expect(showing(queue)).toEqual([["b", 1]]);
    queue = advance(queue, 250, rules);
    expect(queue.shown).toEqual([]);
    expect(nextMs(queue)).toBeNull();
  });

  it("is bounded: the cheapest isn't shown, and one that waits grows where it is", () => {
    let queue = put(EMPTY, given(1, "a"), 0, rules);
    queue = put(queue, given(2, "b", 1, 50), 0, rules);
    queue = put(queue, given(3, "c", 1, 5), 0, rules);
    queue = put(queue, given(4, "d", 1, 9), 0, rules);
    expect(counts(queue.waiting)).toEqual([["b", 1], ["d", 1]]);
    queue = put(queue, given(5, "b", 7, 350), 0, rules);
    expect(counts(queue.waiting)).toEqual([["b", 7], ["d", 1]]);
  });
});
