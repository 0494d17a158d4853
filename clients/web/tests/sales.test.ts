import { describe, expect, it } from "vitest";

import { emptyState, foldAll } from "../src/live/fold";
import { inOrder, mostOf, nextTurnMs, phaseOf, saleOf, unfit, unitPrice, withCoupon } from "../src/live/sales";
import type { Claim, LiveEvent, Order, Product, Sale, You } from "../src/live/wire";
import { inCoins } from "../src/live/wallet";
import { YourSide } from "../src/live/you";

const sale = (id: string, startsAt: number, endsAt: number, change: Partial<Sale> = {}): Sale => ({
  id,
  room: "r",
  sku: `sku-${id}`,
  product: `product-${id}`,
  price_minor: 500,
  currency: "CNY",
  quantity: 10,
  left: 10,
  per_buyer: 2,
  starts_at_ms: startsAt,
  ends_at_ms: endsAt,
  status: "scheduled",
  stackable: false,
  ...change,
});
const claim = (id: string, change: Partial<Claim> = {}): Claim => ({
  id,
  coupon: id,
  title: id,
  kind: "fixed",
  value: 100,
  minimum_minor: 0,
  product: null,
  currency: "CNY",
  stackable: false,
  status: "free",
  order: null,
  claimed_at_ms: 0,
  valid_until_ms: 10_000,
  ...change,
});
const cup: Product = { id: "cup", title: "Cup", picture: null, position: 0, skus: [] };

let offset = 0;
const event = (kind: string, data: Record<string, unknown>): LiveEvent => {
  offset += 1;
  return { id: `e${offset}`, offset, kind, at_ms: 0, data };
};

describe("a sale", () => {
  it("runs from its start up to its end, by the clock alone", () => {
    const one = sale("a", 1_000, 2_000);
    expect([999, 1_000, 1_999, 2_000].map((now) => phaseOf(one, now))).toEqual(["before", "running", "running", "over"]);
  });

  it("comes in the order in which it matters", () => {
    const sales = [sale("later", 9_000, 9_500), sale("long", 0, 8_000), sale("short", 0, 3_000), sale("next", 4_000, 5_000), sale("past", 0, 1_000)];
    expect(inOrder(sales, 2_000).map(({ id }) => id)).toEqual(["short", "long", "next", "later"]);
    expect(nextTurnMs(sales, 2_000)).toBe(3_000);
    expect(nextTurnMs(sales, 9_500)).toBeNull();
    expect(saleOf(sales, "sku-next", 2_000)?.id).toBe("next");
    expect(saleOf(sales, "sku-past", 2_000)).toBeNull();
  });

  it("gives its price only while it runs, and only to its own SKU", () => {
    const sku = { id: "sku-a", name: "", price_minor: 800, currency: "CNY" };
    const one = sale("a", 1_000, 2_000);
    expect(unitPrice(sku, one, 999)).toBe(800);
    expect(unitPrice(sku, one, 1_000)).toBe(500);
    expect(unitPrice(sku, one, 2_000)).toBe(800);
    expect(unitPrice({ ...sku, id: "other" }, one, 1_000)).toBe(800);
    expect(unitPrice({ ...sku, price_minor: 400 }, one, 1_000)).toBe(400);
    expect(unitPrice(sku, null, 1_000)).toBe(800);
  });

  it("limits how many one may take", () => {
    expect(mostOf(7, null, 20)).toBe(7);
    expect(mostOf(7, sale("a", 0, 1), 20)).toBe(2);
    expect(mostOf(null, null, 20)).toBe(20);
    expect(mostOf(0, null, 20)).toBe(1);
  });
});

describe("a claimed coupon", () => {
  it("says why it doesn't fit", () => {
    const fits = (one: Claim, goods = 1_000, now = 0) => unfit(one, cup, goods, "CNY", now);
    expect(fits(claim("a"))).toBeNull();
    expect(fits(claim("a", { minimum_minor: 1_000 }))).toBeNull();
    expect(fits(claim("a", { minimum_minor: 1_001 }))).toBe("minimum");
    expect(fits(claim("a", { product: "tea" }))).toBe("product");
    expect(fits(claim("a", { product: "cup" }))).toBeNull();
    expect(fits(claim("a", { currency: "USD" }))).toBe("currency");
    expect(fits(claim("a"), 1_000, 10_000)).toBe("expired");
    expect(fits(claim("a", { status: "reserved" }))).toBe("taken");
  });

  it("goes with others only if each may be combined", () => {
    const [a, b] = [claim("a", { stackable: true }), claim("b", { stackable: true })];
    const alone = claim("alone");
    expect(withCoupon([a], b)).toEqual([a, b]);
    expect(withCoupon([a, b], alone)).toEqual([alone]);
    expect(withCoupon([alone], a)).toEqual([a]);
    expect(withCoupon([a, b], a)).toEqual([b]);
  });

  it("is replaced by what has become of it, and comes first when it is new", () => {
    const side = new YourSide();
    side.take({ seq: 1, kind: "coupon", at_ms: 0, data: { coupon: claim("a"), status: "free" } });
    side.take({ seq: 2, kind: "coupon", at_ms: 0, data: { coupon: claim("b"), status: "free" } });
    side.take({ seq: 3, kind: "coupon", at_ms: 0, data: { coupon: claim("a", { status: "used" }), status: "used" } });
    expect(side.coupons.value.map(({ id, status }) => [id, status])).toEqual([["a", "used"], ["b", "free"]]);
  });
});

describe("the fold of a room that sells", () => {
  it("announces, runs and ends sales, each once", () => {
    const announced = foldAll(emptyState("r"), [
      event("sale.scheduled", { sale: sale("a", 10, 20) }),
      event("sale.scheduled", { sale: sale("b", 10, 20) }),
      event("sale.started", { sale: sale("a", 10, 20, { status: "running" }) }),
    ]);
    expect(announced.sales.map(({ id, status }) => [id, status]).sort()).toEqual([["a", "running"], ["b", "scheduled"]]);
    const ended = foldAll(announced, [event("sale.ended", { id: "a", reason: "sold_out" })]);
    expect(ended.sales.map(({ id }) => id)).toEqual(["b"]);
  });

  it("shows a drop until it is closed; one that is prolonged stays one", () => {
    const open = foldAll(emptyState("r"), [
      event("coupon.dropped", { coupon: { id: "c", drop_until_ms: 1 } }),
      event("coupon.dropped", { coupon: { id: "c", drop_until_ms: 2 } }),
    ]);
    expect(open.coupons).toEqual([{ id: "c", drop_until_ms: 2 }]);
    expect(foldAll(open, [event("coupon.closed", { id: "c" })]).coupons).toEqual([]);
  });
});

describe("a wallet", () => {
  const you = (more: Partial<You>): You => ({
    user: { id: "u1", name: "Lin" },
    role: "viewer",
    can: [],
    seq: 3,
    items: [],
    mute: null,
    orders: [],
    ...more,
  });

  it("is what entering says, and then what each event says of it", () => {
    const side = new YourSide();
    side.entered(you({ wallet: { coins: 5, points: 2 } }));
    side.take({ seq: 4, kind: "wallet", at_ms: 0, data: { coins: 9, movement: {} } });
    expect(side.wallet.value).toEqual({ coins: 9, points: 2 });
    side.take({ seq: 5, kind: "wallet", at_ms: 0, data: { points: 0, movement: {} } });
    expect(side.wallet.value).toEqual({ coins: 9, points: 0 });
  });

  it("keeps top-ups apart from orders of goods", () => {
    const side = new YourSide();
    const order = { id: "o1", created_at_ms: 1, status: "held" } as Order;
    side.entered(you({ orders: [order, { ...order, id: "o2", coins: 60 }] }));
    expect([side.orders.value, side.topups.value].map((list) => list.map(({ id }) => id))).toEqual([["o1"], ["o2"]]);
  });

  it("prices in coins as the server does", () => {
    const prices = { items: [], next: null, worth_minor: { CNY: 1000 } };
    expect([4900, 4901, 0].map((minor) => inCoins(minor, "CNY", prices))).toEqual([490, 491, 0]);
    expect(inCoins(1, "USD", prices)).toBeNull();
    expect(inCoins(1, "CNY", null)).toBeNull();
  });
});
