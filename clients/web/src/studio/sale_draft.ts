/** A flash sale as its form has it, and what that means. Pure. */
import type { Payload, Sku } from "../live/wire";
import { parsePrice } from "./price";

export const DURATIONS_S = [60, 180, 300, 600, 1200] as const;
export const COUNTDOWNS_S = [10, 30, 60, 180, 300] as const;

export interface SaleDraft {
  sku: string;
  price: string;
  quantity: string;
  perBuyer: string;
  begin: "now" | "countdown" | "at";
  countdownS: number;
  /** As `<input type="datetime-local">` writes it: local time without a zone. */
  at: string;
  durationS: number;
  stackable: boolean;
}

export function whole(text: string, min: number, max: number): number | null {
  const plain = text.trim();
  if (!/^\d{1,9}$/.test(plain)) return null;
  const value = Number(plain);
  return value >= min && value <= max ? value : null;
}

/** What is sent; null if something in the draft can't be. `digits` are the decimals of the currency. */
export function saleOfDraft(draft: SaleDraft, sku: Sku, digits: number, nowMs: number): Omit<Payload<"sale.start">, "room"> | null {
  const price = parsePrice(draft.price, digits);
  const quantity = whole(draft.quantity, 1, 1e9);
  const perBuyer = whole(draft.perBuyer, 1, 100);
  if (price === null || quantity === null || perBuyer === null || price >= sku.price_minor) return null;
  const start = startOf(draft, nowMs);
  if (start === null) return null;
  return {
    sku: sku.id,
    price_minor: price,
    quantity,
    per_buyer: perBuyer,
    duration_s: draft.durationS,
    stackable: draft.stackable,
    ...start,
  };
}

function startOf({ begin, countdownS, at }: SaleDraft, nowMs: number): { starts_at_ms?: number; countdown_s?: number } | null {
  if (begin === "now") return {};
  if (begin === "countdown") return { countdown_s: countdownS };
  const startsAt = Date.parse(at);
  return startsAt > nowMs ? { starts_at_ms: startsAt } : null;
}

/** A time for `<input type="datetime-local">`, in local time, to the minute. */
export function localInput(ms: number): string {
  const date = new Date(ms);
  return new Date(ms - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
