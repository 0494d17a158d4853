/** A coupon's terms in a few words. */
import type { CouponTerms } from "../live/wire";
import { money } from "./format";
import { t } from "./index";

/** "¥20 off", "15% off", "One for free". */
export function couponValue({ kind, value, currency }: CouponTerms): string {
  if (kind === "percent") return t("coupon.percent", { n: value });
  if (kind === "voucher" && value === 0) return t("coupon.free");
  if (kind === "voucher") return t("coupon.voucher", { amount: money(value, currency) });
  return t("coupon.amount", { amount: money(value, currency) });
}

/** What it asks for: "from ¥99", or nothing. */
export function couponCondition({ minimum_minor, currency }: CouponTerms, product?: string): string {
  const minimum = minimum_minor > 0 ? t("coupon.from", { amount: money(minimum_minor, currency) }) : "";
  return [minimum, product === undefined ? "" : t("coupon.only", { title: product })].filter(Boolean).join(" · ");
}
