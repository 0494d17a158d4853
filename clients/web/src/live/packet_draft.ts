/** A red packet while it is being filled in. */
import type { PacketTerms, Split, Who } from "./packet_wire";

export const COINS_MAX = 10_000_000;
export const SHARES_MAX = 2_000;
export const OPEN_S = [60, 300, 600, 3_600, 86_400] as const;

export interface PacketDraft {
  coins: string;
  count: string;
  split: Split;
  who: Who;
  seconds: number;
  greeting: string;
}

export const EMPTY_PACKET: PacketDraft = { coins: "100", count: "10", split: "random", who: "all", seconds: 600, greeting: "" };

/** What can be sent of it, or what is wrong. */
export function packetOfDraft(draft: PacketDraft): PacketTerms | "coins" | "count" | "too_few" {
  const coins = whole(draft.coins, COINS_MAX);
  const count = whole(draft.count, SHARES_MAX);
  if (coins === null) return "coins";
  if (count === null) return "count";
  if (coins < count) return "too_few";
  const greeting = draft.greeting.trim();
  return { coins, count, split: draft.split, who: draft.who, seconds: draft.seconds, ...(greeting ? { greeting } : {}) };
}

function whole(text: string, max: number): number | null {
  if (!/^\d{1,9}$/.test(text.trim())) return null;
  const value = Number(text);
  return value >= 1 && value <= max ? value : null;
}
