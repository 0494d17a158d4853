import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

import { emptyState, fold, foldAll } from "../src/live/fold";
import type { LiveEvent, RoomState } from "../src/live/wire";

interface Vector {
  name: string;
  events: LiveEvent[];
  state: RoomState;
}

const vectors = JSON.parse(
  readFileSync(new URL("../../../tests/vectors/fold.json", import.meta.url), "utf8"),
) as Vector[];

let offset = 0;
const event = (kind: string, data: Record<string, unknown>, at_ms = 0): LiveEvent => {
  offset += 1;
  return { id: `e${offset}`, offset, kind, at_ms, data };
};
const product = (id: string) => ({ id, title: id, picture: null, position: 0, skus: [] });

describe("the vectors shared with the server", () => {
  it.each(vectors)("$name", ({ events, state }) => {
    expect(foldAll(emptyState(state.room.id), events)).toEqual(state);
  });
});

describe("fold", () => {
  it("keeps the latest fifty comments", () => {
    const state = foldAll(
      emptyState("r"),
      Array.from({ length: 60 }, (_, i) => event("comment", { text: String(i) })),
    );
    expect(state.comments.map(({ data }) => data.text)).toEqual(Array.from({ length: 50 }, (_, i) => String(i + 10)));
  });

  it("leaves deleted comments out, before and after", () => {
    const kept = event("comment", { text: "stays" });
    const gone = event("comment", { text: "goes" });
    const redacted = event("comment", { deleted: true });
    const state = foldAll(emptyState("r"), [kept, gone, redacted, event("comment.deleted", { id: gone.id })]);
    expect(state.comments).toEqual([kept]);
  });

  it("shows at most three pins, the newest first, each once", () => {
    const state = foldAll(
      emptyState("r"),
      ["a", "b", "c", "d", "b"].map((id) => event("product.pinned", { id })),
    );
    expect(state.pins).toEqual(["b", "d", "c"]);
  });

  it("takes a removed product off the shelf and off the pins", () => {
    const state = foldAll(emptyState("r"), [
      event("product.added", { product: product("a") }),
      event("product.added", { product: product("b") }),
      event("product.pinned", { id: "a" }),
      event("product.removed", { id: "a" }),
    ]);
    expect(state.products.map(({ id }) => id)).toEqual(["b"]);
    expect(state.pins).toEqual([]);
  });

  it("counts a stream's start from going live, not from coming back", () => {
    const live = foldAll(emptyState("r"), [
      event("room.status", { status: "live" }, 1_000),
      event("room.status", { status: "interrupted" }, 2_000),
      event("room.status", { status: "live" }, 3_000),
    ]);
    expect(live.room.started_at_ms).toBe(1_000);
    const again = foldAll(live, [
      event("room.status", { status: "ended" }, 4_000),
      event("room.status", { status: "live" }, 5_000),
    ]);
    expect(again.room).toMatchObject({ started_at_ms: 5_000, ended_at_ms: null });
  });

  it("returns the same state for a kind it doesn't know, even one that objects have", () => {
    const state = emptyState("r");
    for (const kind of ["gift", "constructor", "toString"]) expect(fold(state, event(kind, {}))).toBe(state);
  });
});
