import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

import { canonical, fromHex, places, Stream } from "../src/verify/draw";
import { verify, type DrawFile, type Part, type Seen } from "../src/verify/published";

interface Vectors {
  canonical: { name: string; value: unknown; text: string }[];
  streams: { seed: string; entrants: string; bounds: string[]; numbers: string[] }[];
  files: { name: string; file: DrawFile; seen: Seen; wrong: Part[] }[];
}

const vectors = JSON.parse(readFileSync(new URL("../../../tests/vectors/draws.json", import.meta.url), "utf8")) as Vectors;

describe("a draw, checked in the browser", () => {
  it.each(vectors.canonical)("has JSON in one form: $name", ({ value, text }) => {
    expect(canonical(value)).toBe(text);
  });

  it.each(vectors.streams)("has the server's stream of numbers: $bounds", async ({ seed, entrants, bounds, numbers }) => {
    const stream = await Stream.of(fromHex(seed), fromHex(entrants));
    const found: string[] = [];
    for (const bound of bounds) found.push(String(await stream.below(BigInt(bound))));
    expect(found).toEqual(numbers);
  });

  it.each(vectors.files)("comes to the server's verdict: $name", async ({ file, seen, wrong }) => {
    expect(await verify(file, seen)).toEqual(wrong);
  });

  it("gives everybody one place, and more places change none", async () => {
    const weights = Float64Array.from({ length: 77 }, (_, n) => 1 + (n % 5));
    const all = await places(weights, fromHex("ab".repeat(32)), fromHex("cd".repeat(32)), 100);
    expect([...all].sort((a, b) => a - b)).toEqual([...weights.keys()]);
    expect(await places(weights, fromHex("ab".repeat(32)), fromHex("cd".repeat(32)), 10)).toEqual(all.slice(0, 10));
  });

  it.each([null, [], {}, { format: "danmart-draw-1" }, { ...vectors.files[0]?.file, winners: [null] }])("finds junk wrong: %#", async (junk) => {
    expect(await verify(junk)).toEqual(["format"]);
  });
});
