/** What travels about selling: docs/protocol.md as types. */
import type { Person } from "./wire";

/** A flash sale that is announced or runs. */
export interface Sale {
  id: string;
  room: string;
  sku: string;
  product: string;
  price_minor: number;
  currency: string;
  quantity: number;
  /** As of the event; the signals know it better. */
  left: number;
  per_buyer: number;
  starts_at_ms: number;
  ends_at_ms: number;
  status: "scheduled" | "running";
  stackable: boolean;
}

export type CouponKind = "threshold" | "percent" | "fixed" | "voucher";

/** What a coupon takes off. `value` is per cent for `percent`, minor units otherwise. */
export interface CouponTerms {
  title: string;
  kind: CouponKind;
  value: number;
  minimum_minor: number;
  product: string | null;
  currency: string;
  stackable: boolean;
}

/** A coupon as its host made it. */
export interface Coupon extends CouponTerms {
  id: string;
  quota: number;
  per_person: number;
  claim_from_ms: number | null;
  claim_until_ms: number | null;
  valid_until_ms: number | null;
  valid_s: number | null;
  drop_until_ms: number | null;
}

export type ClaimStatus = "free" | "reserved" | "used";

/** A coupon in somebody's hands. */
export interface Claim extends CouponTerms {
  id: string;
  coupon: string;
  status: ClaimStatus;
  order: string | null;
  claimed_at_ms: number;
  valid_until_ms: number;
}

export type OrderStatus = "held" | "paid" | "cancelled" | "expired" | "refunded";

export interface OrderLine {
  kind: "item" | "sale" | "coupon" | "prize";
  label: string;
  amount_minor: number;
  ref?: string;
}

export interface Address {
  name: string;
  phone?: string;
  lines: string[];
  city?: string;
  region?: string;
  postcode?: string;
  country?: string;
}

export interface OrderStep {
  status: OrderStatus;
  at_ms: number;
  by: string | null;
  reason?: string;
}

/** One attempt to pay an order. */
export interface Payment {
  id: string;
  provider: string;
  status: "started" | "succeeded" | "failed" | "refund_due" | "refunded" | "refund_failed";
  amount_minor: number;
  currency: string;
  created_at_ms: number;
  settled_at_ms: number | null;
  /** What the provider calls it. */
  reference: string | null;
  refund_reference: string | null;
  /** Why its refund failed. */
  problem: string | null;
}

export interface Order {
  id: string;
  room: string;
  product: string;
  sku: string;
  title: string;
  qty: number;
  unit_price_minor: number;
  subtotal_minor: number;
  discount_minor: number;
  total_minor: number;
  /** How the total comes about; their amounts add up to it. */
  lines: OrderLine[];
  currency: string;
  sale: string | null;
  status: OrderStatus;
  created_at_ms: number;
  hold_until_ms: number | null;
  paid_at_ms: number | null;
  refunded_at_ms: number | null;
  buyer: Person;
  /** Of a top-up, which is of no product: how many coins it buys. */
  coins?: number;
  /** Only in the answer that shows a whole order. */
  address?: Address | null;
  note?: string | null;
  history?: OrderStep[];
  payments?: Payment[];
}

/** How many are before a purchase that waits. */
export interface Place {
  key: string;
  position: number;
}
