import { describe, expect, it } from "vitest";

import { Refusal } from "../src/live/errors";
import type { Product, Sku } from "../src/live/wire";
import { couponOfDraft, type CouponDraft } from "../src/studio/coupon_draft";
import { additionOf, changeOf, draftOf, meaningOf, newSku } from "../src/studio/product_draft";
import { localInput, saleOfDraft, type SaleDraft } from "../src/studio/sale_draft";
import { addressOf, NOWHERE } from "../src/viewer/delivery";
import { patiently } from "../src/viewer/patience";

const sku: Sku = { id: "s1", name: "", price_minor: 4_900, currency: "CNY" };
const tea: Product = { id: "tea", title: "Tea", picture: null, position: 0, skus: [sku] };

describe("a flash sale's form", () => {
  const draft: SaleDraft = {
    sku: "s1",
    price: "34.30",
    quantity: "10",
    perBuyer: "1",
    begin: "now",
    countdownS: 30,
    at: "2030-01-01T20:00",
    durationS: 300,
    stackable: false,
  };
  const meant = (change: Partial<SaleDraft>) => saleOfDraft({ ...draft, ...change }, sku, 2, 1_000);

  it("means what it says", () => {
    expect(meant({})).toEqual({ sku: "s1", price_minor: 3_430, quantity: 10, per_buyer: 1, duration_s: 300, stackable: false });
    expect(meant({ begin: "countdown" })).toMatchObject({ countdown_s: 30 });
    expect(meant({ begin: "at" })).toMatchObject({ starts_at_ms: Date.parse("2030-01-01T20:00") });
  });

  it.each<Partial<SaleDraft>>([
    { price: "49.00" },
    { price: "cheap" },
    { quantity: "0" },
    { quantity: "1.5" },
    { perBuyer: "101" },
    { begin: "at", at: "1960-01-01T00:00" },
    { begin: "at", at: "" },
  ])("means nothing with %o", (change) => {
    expect(meant(change)).toBeNull();
  });

  it("offers times that the field reads back as the same minute", () => {
    const minute = Date.parse("2030-06-01T12:34:00Z");
    expect(Date.parse(localInput(minute))).toBe(minute);
  });
});

describe("a coupon's form", () => {
  const draft: CouponDraft = {
    title: " Welcome ",
    kind: "threshold",
    value: "10",
    minimum: "99",
    product: "",
    quota: "100",
    perPerson: "1",
    validS: 86_400,
    stackable: false,
  };
  const meant = (change: Partial<CouponDraft>) => couponOfDraft({ ...draft, ...change }, "CNY", 2);

  it("means what it says", () => {
    expect(meant({})).toMatchObject({ title: "Welcome", kind: "threshold", value: 1_000, minimum_minor: 9_900, currency: "CNY" });
    expect(meant({ kind: "percent", value: "15", minimum: "" })).toMatchObject({ value: 15, minimum_minor: 0 });
    expect(meant({ kind: "voucher", product: "tea" })).toMatchObject({ product: "tea" });
  });

  it.each<Partial<CouponDraft>>([
    { title: "  " },
    { value: "0" },
    { value: "100", minimum: "99" },
    { kind: "percent", value: "101" },
    { kind: "percent", value: "1.5" },
    { kind: "voucher" },
    { perPerson: "11" },
  ])("means nothing with %o", (change) => {
    expect(meant(change)).toBeNull();
  });
});

describe("a product's form", () => {
  const empty = draftOf(null, "CNY", () => 2);

  it("needs no name for the only kind, and one each for several", () => {
    const one = meaningOf({ ...empty, title: "Tea", skus: [newSku("49", "5")] }, 2);
    expect(one && additionOf(one, "CNY")).toEqual({ title: "Tea", currency: "CNY", price_minor: 4_900, stock: 5 });
    const kinds = (...names: string[]) =>
      meaningOf({ ...empty, title: "Tea", skus: names.map((name) => ({ ...newSku("49", "5"), name })) }, 2);
    expect(kinds("Red", "Green")?.skus.map(({ name }) => name)).toEqual(["Red", "Green"]);
    expect(kinds("Red", "Red ")).toBeNull();
    expect(kinds("Red", "")).toBeNull();
  });

  it("changes what was changed, and adds kinds with their stock", () => {
    const draft = draftOf(tea, "USD", () => 2);
    expect(draft).toMatchObject({ title: "Tea", currency: "CNY", skus: [{ id: "s1", price: "49.00" }] });
    const grown = meaningOf(
      { ...draft, skus: [...draft.skus.map((each) => ({ ...each, name: "100 g" })), { ...newSku("90", "7"), name: "200 g" }] },
      2,
    );
    expect(grown && changeOf(grown, tea)).toEqual({
      title: "Tea",
      skus: [
        { sku: "s1", name: "100 g", price_minor: 4_900 },
        { name: "200 g", price_minor: 9_000, stock: 7 },
      ],
    });
    const several: Product = { ...tea, skus: [{ ...sku, name: "A" }, { ...sku, id: "s2", name: "B" }] };
    const same = meaningOf(draftOf(several, "USD", () => 2), 2);
    expect(same && changeOf(same, several)).toEqual({ title: "Tea" });
  });
});

describe("an address", () => {
  it("may be left out, but not by half", () => {
    expect(addressOf(NOWHERE)).toBeUndefined();
    expect(addressOf({ ...NOWHERE, name: "Lin" })).toBeNull();
    expect(addressOf({ ...NOWHERE, name: "Lin", lines: "a\nb\nc\nd" })).toBeNull();
    expect(addressOf({ ...NOWHERE, name: "Lin", lines: "12 Canal St", phone: "call me" })).toBeNull();
    expect(addressOf({ ...NOWHERE, name: " Lin ", lines: "12 Canal St\n\n Hangzhou ", phone: "+86 571" })).toEqual({
      name: "Lin",
      phone: "+86 571",
      lines: ["12 Canal St", "Hangzhou"],
    });
  });
});

describe("asking for a hold", () => {
  const notStarted = (ms: number) =>
    new Refusal({ code: "not_started", message: "", temporary: true, retry_after_ms: ms });
  const waited = () => {
    const waits: number[] = [];
    return { waits, wait: (ms: number) => Promise.resolve(void waits.push(ms)) };
  };

  it("waits the moment that a server's clock is behind", async () => {
    const { waits, wait } = waited();
    let begun = false;
    const ask = () => {
      if (begun) return Promise.resolve("held");
      begun = true;
      return Promise.reject(notStarted(40));
    };
    expect(await patiently(ask, wait)).toBe("held");
    expect(waits).toEqual([40]);
  });

  it("doesn't wait for long, nor for ever, nor for anything else", async () => {
    const { waits, wait } = waited();
    await expect(patiently(() => Promise.reject(notStarted(60_000)), wait)).rejects.toMatchObject({ code: "not_started" });
    const soldOut = new Refusal({ code: "sold_out", message: "", temporary: false });
    await expect(patiently(() => Promise.reject(soldOut), wait)).rejects.toMatchObject({ code: "sold_out" });
    expect(waits).toEqual([]);
    await expect(patiently(() => Promise.reject(notStarted(5)), wait)).rejects.toMatchObject({ code: "not_started" });
    expect(waits).toEqual([5, 5]);
  });
});
