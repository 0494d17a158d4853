import { expect, test } from "vitest";

import { isStaff, pieces } from "../src/ui/linked";

const links = (text: string) => pieces(text).flatMap((piece) => piece.href ?? []);

test("addresses are cut out of what stands around them", () => {
  expect(pieces("See https://tea.example/a?b=1, thanks")).toEqual([
    { text: "See " },
    { text: "https://tea.example/a?b=1", href: "https://tea.example/a?b=1" },
    { text: ", thanks" },
  ]);
  expect(links("看https://tea.example/a。还有http://b.example！")).toEqual(["https://tea.example/a", "http://b.example"]);
  expect(pieces("nothing here")).toEqual([{ text: "nothing here" }]);
});

test("what isn't an address of the web, or pretends to be another, stays text", () => {
  for (const text of [
    "javascript:alert(1)",
    "data:text/html,x",
    "https://",
    "https://tea.example@evil.example/",
    "https://a:b@evil.example",
    "tea.example",
  ]) {
    expect(links(text)).toEqual([]);
    expect(
      pieces(text)
        .map((piece) => piece.text)
        .join(""),
    ).toBe(text);
  }
});

test("staff are known by their badges", () => {
  expect(isStaff(["level:3", "host"])).toBe(true);
  expect(isStaff(["level:3", "fan:2"])).toBe(false);
  expect(isStaff(undefined)).toBe(false);
});
