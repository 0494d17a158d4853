import { describe, expect, it, vi } from "vitest";

import { isTooMild, MEASURES, readList } from "../src/live/rulebook";
import { draftOf } from "../src/studio/filter/draft";

describe("a file that becomes a list", () => {
  it("is named and read as its name says", () => {
    expect(draftOf("Shop Words.CSV", "text")).toEqual({ name: "shop_words", form: "csv", text: "text", version: 0 });
    expect(draftOf("2024-bad.toml", "")).toMatchObject({ name: "2024_bad", form: "toml" });
    expect(draftOf("words", "")).toMatchObject({ name: "words", form: "txt" });
    expect(draftOf("a.b.md", "")).toMatchObject({ name: "a_b", form: "txt" });
    expect(draftOf("敏感词.txt", "").name).toBe("");
    expect(draftOf(`${"x".repeat(60)}.txt`, "").name).toHaveLength(32);
  });
});

describe("a firm platform", () => {
  it("forbids what is milder, and nothing else", () => {
    const forbidden = MEASURES.filter((measure) => isTooMild(MEASURES, measure, "hold"));
    expect(forbidden).toEqual(["allow", "mask"]);
  });
});

describe("a list that is read", () => {
  it("comes with its version, by which it is put back", async () => {
    const fetched = vi.fn(() => Promise.resolve(new Response("zorblax\n", { headers: { ETag: "\"17\"" } })));
    vi.stubGlobal("fetch", fetched);
    const read = await readList({ room: "tea & co", token: () => "secret" }, "mine", "txt");
    expect(read).toEqual({ text: "zorblax\n", version: 17 });
    expect(fetched.mock.calls[0]?.[0 as never]).toBe("/api/v1/rooms/tea%20%26%20co/moderation/lists/mine?format=txt");
  });
});
