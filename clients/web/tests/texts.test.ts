import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it, vi } from "vitest";

import { en } from "../src/i18n/en";
import { zh } from "../src/i18n/zh";
import { parsePrice, showPrice } from "../src/studio/price";

const parameters = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();

describe("the texts", () => {
  it("have the same parameters in both languages", () => {
    for (const [key, text] of Object.entries(en)) {
      expect(parameters(zh[key as keyof typeof en]), key).toEqual(parameters(text));
    }
  });

  it("call things in Chinese what live platforms call them, and always the same", () => {
    // A room's moderators are 房管, the platform's operators 平台管理员; what viewers send are 弹幕.
    for (const [key, text] of Object.entries(zh)) expect(text.replaceAll("平台管理员", ""), key).not.toMatch(/管理员|评论/);
  });

  it("have one for every code that the protocol can answer, but those that only a program can cause", () => {
    const page = readFileSync(new URL("../../../docs/protocol.md", import.meta.url), "utf8");
    const catalogue = page.slice(page.indexOf("## Error codes"));
    const codes = [...catalogue.matchAll(/^\| `(\w+)` \|/gm)].map(([, code]) => code ?? "");
    expect(codes.length).toBeGreaterThan(30);
    const programs = ["method_not_allowed", "not_acceptable", "precondition_failed", "precondition_required"];
    for (const code of codes) if (!programs.includes(code)) expect(en).toHaveProperty([`error.${code}`]);
  });
});

describe("money and time", () => {
  let format: typeof import("../src/i18n/format");
  beforeAll(async () => {
    vi.stubGlobal("localStorage", { getItem: () => "en", setItem: () => undefined });
    vi.stubGlobal("document", { documentElement: {} });
    format = await import("../src/i18n/format");
  });

  it("shows minor units in the currency's own decimals", () => {
    expect(format.money(1990, "USD")).toBe("$19.90");
    expect(format.money(1990, "JPY")).toBe("¥1,990");
  });

  it("counts down to zero and no further", () => {
    expect(format.clockTime(299_001)).toBe("5:00");
    expect(format.clockTime(3_725_000)).toBe("1:02:05");
    expect(format.clockTime(-5)).toBe("0:00");
  });

  it("rounds a span to what matters", () => {
    expect(format.span(45_000)).toBe("45 s");
    expect(format.span(600_000)).toBe("10 min");
    expect(format.span(3 * 86_400_000)).toBe("3 d");
  });
});

describe("prices as people type them", () => {
  it.each([
    ["19.90", 2, 1990],
    ["19,9", 2, 1990],
    ["1,299.00", 2, 129_900],
    ["1,299", 2, 129_900],
    ["1980", 0, 1980],
    ["0", 2, 0],
    [" 5 ", 2, 500],
  ])("%s with %i decimals is %i", (text, digits, minor) => {
    expect(parsePrice(text, digits)).toBe(minor);
  });

  it.each(["", "free", "1.999", "-1", "1e5", "１２", "12.5.0", "9".repeat(12)])("%s is no price", (text) => {
    expect(parsePrice(text, 2)).toBeNull();
  });

  it("come back as they were", () => {
    for (const minor of [0, 1, 99, 1990, 123_456]) expect(parsePrice(showPrice(minor, 2), 2)).toBe(minor);
  });
});
