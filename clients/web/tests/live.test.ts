import { describe, expect, it } from "vitest";

import { withComments, withoutComments } from "../src/live/timeline";
import type { LiveEvent } from "../src/live/wire";

const comment = (offset: number, data: Record<string, unknown> = { text: "x" }): LiveEvent => ({
  id: `c${offset}`,
  offset,
  kind: "comment",
  at_ms: 0,
  data,
});
const offsets = (timeline: readonly LiveEvent[]) => timeline.map(({ offset }) => offset);

describe("the timeline", () => {
  it("shows a comment once, though it comes by acknowledgement and by frame", () => {
    const own = withComments([], [comment(7)], 10);
    expect(withComments(own, [comment(7)], 10)).toBe(own);
  });

  it("puts an acknowledged comment after those with lower offsets that arrive later", () => {
    expect(offsets(withComments([comment(1), comment(5)], [comment(3), comment(4)], 10))).toEqual([1, 3, 4, 5]);
  });

  it("keeps the newest", () => {
    expect(offsets(withComments([comment(1), comment(2)], [comment(3)], 2))).toEqual([2, 3]);
  });

  it("never shows a deleted one", () => {
    expect(withComments([], [comment(1, { deleted: true })], 10)).toEqual([]);
    expect(offsets(withoutComments([comment(1), comment(2)], new Set(["c1"])))).toEqual([2]);
  });
});
