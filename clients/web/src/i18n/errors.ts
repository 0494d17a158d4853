/** What went wrong, said to a person. */
import { asRefusal } from "../live/errors";
import { span } from "./format";
import { isKey, t } from "./index";

/** The text for anything thrown; by its code, with what its details add. */
export function errorText(thrown: unknown): string {
  const refusal = asRefusal(thrown);
  const wait = refusal.retryAfterMs === undefined ? null : span(refusal.retryAfterMs);
  if (wait !== null && (refusal.code === "slow_mode" || refusal.code === "rate_limited")) {
    return t(`error.${refusal.code}.wait`, { wait });
  }
  const left = refusal.detail("left");
  if (refusal.code === "not_enough_stock" && typeof left === "number") return t("error.not_enough_stock.left", { left });
  if (refusal.code === "buyer_limit" && typeof left === "number" && left > 0) return t("error.buyer_limit.left", { left });
  if (refusal.code === "text_refused") return refusedText(refusal.details);
  const why = `error.${refusal.code}.${String(refusal.detail("reason"))}`;
  if (isKey(why)) return t(why);
  const key = `error.${refusal.code}`;
  return isKey(key) ? t(key) : t("error.internal");
}

/** What of a text isn't allowed: the words, where a host is to change them, or what is wrong with it. */
function refusedText(details: unknown): string {
  const found = Array.isArray(details) ? (details as { word?: string; code: string }[]) : [];
  const words = found.flatMap((one) => (one.word ? [one.word] : [])).join(", ");
  const claims = found.some((one) => one.code === "claims");
  if (words) return t(claims ? "error.text_refused.claims" : "error.text_refused.words", { words });
  const known = found.map((one) => `error.text_refused.${one.code}`).find(isKey);
  return t(known ?? "error.text_refused");
}
