/** What sales and coupons mean at a given moment. Pure. */
import type { Claim, Coupon, Product, Sale, Sku } from "./wire";

export type SalePhase = "before" | "running" | "over";

/** By the clock, not by the event: everybody's countdown ends at the same moment, however their news travels. */
export function phaseOf(sale: Sale, nowMs: number): SalePhase {
  if (nowMs < sale.starts_at_ms) return "before";
  return nowMs < sale.ends_at_ms ? "running" : "over";
}

/** The sale of a SKU that runs or comes next. */
export function saleOf(sales: readonly Sale[], sku: string, nowMs: number): Sale | null {
  return inOrder(sales, nowMs).find((sale) => sale.sku === sku) ?? null;
}

/** Running ones first, the one that ends first leading; then those to come. Those that are over are left out. */
export function inOrder(sales: readonly Sale[], nowMs: number): Sale[] {
  const rank = (sale: Sale) => (phaseOf(sale, nowMs) === "running" ? 0 : 1);
  const due = (sale: Sale) => (rank(sale) === 0 ? sale.ends_at_ms : sale.starts_at_ms);
  return sales
    .filter((sale) => phaseOf(sale, nowMs) !== "over")
    .sort((a, b) => rank(a) - rank(b) || due(a) - due(b) || (a.id < b.id ? -1 : 1));
}

/** When `phaseOf` of one of them changes next; null if none does. */
export function nextTurnMs(sales: readonly Sale[], nowMs: number): number | null {
  const turns = sales.flatMap((sale) => [sale.starts_at_ms, sale.ends_at_ms]).filter((at) => at > nowMs);
  return turns.length === 0 ? null : Math.min(...turns);
}

/** What a piece costs now. */
export function unitPrice(sku: Sku, sale: Sale | null, nowMs: number): number {
  if (!sale || sale.sku !== sku.id || phaseOf(sale, nowMs) !== "running") return sku.price_minor;
  return Math.min(sku.price_minor, sale.price_minor);
}

/** How many a buyer may take of what is left; at least 1, so that there is something to be refused. */
export function mostOf(left: number | null, sale: Sale | null, max: number): number {
  return Math.max(1, Math.min(max, left ?? max, sale ? sale.per_buyer : max));
}

export type Unfit = "minimum" | "product" | "currency" | "expired" | "taken";

/**
 * Why a claimed coupon can't be used with goods of this price; null if it can, as far as this page knows. What
 * it takes off is the server's to say.
 */
export function unfit(claim: Claim, product: Product, goodsMinor: number, currency: string, nowMs: number): Unfit | null {
  if (claim.status !== "free") return "taken";
  if (nowMs >= claim.valid_until_ms) return "expired";
  if (claim.product !== null && claim.product !== product.id) return "product";
  if (claim.currency !== currency) return "currency";
  return goodsMinor < claim.minimum_minor ? "minimum" : null;
}

/** The chosen coupons after a tap on one: several only if each may be combined. */
export function withCoupon(chosen: readonly Claim[], tapped: Claim, max = 5): Claim[] {
  if (chosen.some(({ id }) => id === tapped.id)) return chosen.filter(({ id }) => id !== tapped.id);
  const together = tapped.stackable && chosen.every(({ stackable }) => stackable);
  return together ? [...chosen, tapped].slice(0, max) : [tapped];
}

/** Until when a drop can be claimed. */
export function dropEndsMs(coupon: Coupon): number {
  return Math.min(coupon.drop_until_ms ?? Infinity, coupon.claim_until_ms ?? Infinity);
}
