import { describe, expect, it } from "vitest";

import { arrange } from "../src/viewer/guests/arrange";

const lin = { slot: "g1" };
const wu = { slot: "g2" };

/** Who is where: the host first, then the guests. */
function places(layout: string, members: readonly { slot: string }[]) {
  const { place } = arrange(layout, members);
  return [null, ...members.map(({ slot }) => slot)].map(place);
}

describe("the stage's layout", () => {
  it("leaves a host without guests alone, whatever was chosen", () => {
    for (const layout of ["host", "side", "grid", "guest:g1"]) {
      expect(arrange(layout, [])).toMatchObject({ kind: "alone", big: null });
      expect(places(layout, [])).toEqual(["big"]);
    }
  });

  it("puts the guests of a big host into a column, first come first", () => {
    expect(arrange("host", [lin, wu]).kind).toBe("spot");
    expect(places("host", [lin, wu])).toEqual(["big", 0, 1]);
  });

  it("gives the big place to a guest, and the first small one to the host", () => {
    expect(arrange("guest:g2", [lin, wu]).big).toBe("g2");
    expect(places("guest:g2", [lin, wu])).toEqual([0, 1, "big"]);
  });

  it("shows a big host when the big guest isn't there, or the layout is one of the future", () => {
    for (const layout of ["guest:g2", "carousel"]) expect(places(layout, [lin])).toEqual(["big", 0]);
  });

  it("gives everybody as much side by side and in a grid", () => {
    for (const layout of ["side", "grid"] as const) {
      expect(arrange(layout, [lin, wu]).kind).toBe(layout);
      expect(places(layout, [lin, wu])).toEqual(["big", "big", "big"]);
    }
  });
});
