/** A coupon as its form has it, and what that means. Pure. */
import type { CouponKind, Payload } from "../live/wire";
import { parsePrice } from "./price";
import { whole } from "./sale_draft";

export const KINDS = ["threshold", "fixed", "percent", "voucher"] as const satisfies readonly CouponKind[];
export const VALID_S = [3_600, 86_400, 7 * 86_400, 30 * 86_400] as const;

export interface CouponDraft {
  title: string;
  kind: CouponKind;
  value: string;
  minimum: string;
  /** A product's id, or "" for any. */
  product: string;
  quota: string;
  perPerson: string;
  validS: number;
  stackable: boolean;
}

/** What is sent; null if something in the draft can't be. */
export function couponOfDraft(draft: CouponDraft, currency: string, digits: number): Omit<Payload<"coupon.create">, "room"> | null {
  const value = draft.kind === "percent" ? whole(draft.value, 1, 100) : parsePrice(draft.value, digits);
  const minimum = draft.minimum.trim() === "" ? 0 : parsePrice(draft.minimum, digits);
  const quota = whole(draft.quota, 1, 1e7);
  const perPerson = whole(draft.perPerson, 1, 10);
  if (draft.title.trim() === "" || !value || minimum === null || quota === null || perPerson === null) return null;
  if (draft.kind === "threshold" && minimum < value) return null;
  if (draft.kind === "voucher" && draft.product === "") return null;
  return {
    title: draft.title.trim(),
    kind: draft.kind,
    value,
    minimum_minor: minimum,
    currency,
    quota,
    per_person: perPerson,
    valid_s: draft.validS,
    stackable: draft.stackable,
    ...(draft.product === "" ? {} : { product: draft.product }),
  };
}
