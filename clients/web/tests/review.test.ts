/** The moderators' queue as a page keeps it. */
import { describe, expect, it, vi } from "vitest";

import { QueueDesk } from "../src/desk/queue";
import { pieces, ReviewSide, share } from "../src/live/review";
import type { JudgedAgain, ReviewItem, ReviewReason } from "../src/live/review_wire";
import type { Room } from "../src/live/room";

// Toasts have texts, which need a browser's storage.
vi.mock("../src/ui/toasts", () => ({ toastError: () => undefined }));

function item(id: string, at_ms: number, fields: Partial<ReviewItem> = {}): ReviewItem {
  return {
    id,
    kind: "held",
    state: "open",
    needs: "review",
    user: { id: "u", name: "U" },
    at_ms,
    due_at_ms: null,
    claim: null,
    decision: null,
    reason: "",
    by: null,
    waited_ms: null,
    text: id,
    ...fields,
  };
}

function hit(start: number | null, end: number | null): ReviewReason {
  return { check: "words", code: "insult", verdict: "hold", rule: "r", start, end };
}

describe("the queue", () => {
  it("has what waits, the longest first, whatever the order in which it came", () => {
    const side = new ReviewSide();
    side.entered({ items: [item("b", 20)], waiting: 1, waits_ms: [] });
    side.take(item("c", 30));
    side.take(item("a", 10));
    expect(side.open.value.map(({ id }) => id)).toEqual(["a", "b", "c"]);
  });

  it("keeps what is decided at hand, and counts how long it took once", () => {
    const side = new ReviewSide();
    side.entered({ items: [item("a", 10)], waiting: 1, waits_ms: [1_000] });
    const done = item("a", 10, { state: "decided", decision: "release", waited_ms: 5_000 });
    side.take(done);
    side.take(done);
    expect(side.open.value).toEqual([]);
    expect(side.get("a")?.decision).toBe("release");
    expect(side.times.value).toEqual({ p50: 1_000, p90: 5_000 });
    side.take(item("b", 20, { state: "expired", decision: "expired", waited_ms: 900_000 }));
    expect(side.times.value.p90).toBe(5_000);
  });

  it("knows of more than it was told", () => {
    const side = new ReviewSide();
    side.entered({ items: [item("a", 10)], waiting: 5, waits_ms: [] });
    expect(side.waiting.value).toBe(5);
    side.take(item("z", 5, { state: "decided", decision: "refuse", waited_ms: 1 }));
    expect(side.waiting.value).toBe(4);
  });

  it("forgets what is gone when the page comes back", () => {
    const side = new ReviewSide();
    side.entered({ items: [item("a", 10), item("b", 20)], waiting: 2, waits_ms: [] });
    side.entered({ items: [item("b", 20)], waiting: 1, waits_ms: [] });
    expect(side.open.value.map(({ id }) => id)).toEqual(["b"]);
  });
});

describe("what is set off in a text", () => {
  it("goes by code points, and overlapping spans are one piece", () => {
    const found = pieces("👋 bad words", [hit(2, 5), hit(4, 7)]);
    expect(found).toEqual([
      { piece: "👋 ", hit: false },
      { piece: "bad w", hit: true },
      { piece: "ords", hit: false },
    ]);
  });

  it("is nothing where the text as a whole is meant", () => {
    expect(pieces("abc", [hit(null, null)])).toEqual([{ piece: "abc", hit: false }]);
    expect(pieces("", [])).toEqual([]);
  });
});

it("half of nothing is nothing", () => {
  expect(share([], 0.5)).toBeNull();
  expect(share([3, 1, 2], 0.5)).toBe(2);
});

describe("a held comment that is taken", () => {
  it("says what the filter would make of it by now, until a renewal finds nothing to say", async () => {
    const side = new ReviewSide();
    side.entered({ items: [item("a", 10)], waiting: 1, waits_ms: [] });
    const said: (JudgedAgain | undefined)[] = [{ verdict: "deny", reasons: [hit(0, 1)] }, undefined];
    const mine = item("a", 10, { claim: { by: { id: "me", name: "Me" }, until_ms: 60_000 } });
    const send = vi.fn(() => Promise.resolve({ item: mine, now: said.shift() }));
    const room = { staff: { review: side }, you: { user: { peek: () => ({ id: "me" }) } }, now: () => 0, send } as unknown as Room;
    const queue = new QueueDesk(room);
    queue.selected.value = "a";
    queue.claim();
    await vi.waitFor(() => expect(queue.again.value).toEqual({ id: "a", now: { verdict: "deny", reasons: [hit(0, 1)] } }));
    queue.claim();
    await vi.waitFor(() => expect(queue.again.value).toBeNull());
    expect(send).toHaveBeenCalledTimes(2);
    queue.close();
  });
});
