/** A lottery as its form has it, and what that means. Pure. */
import type { Condition, Lottery, NewLottery, Prize } from "../../live/lottery_wire";
import { whole } from "../sale_draft";

export const OPEN_S = [30, 60, 180, 300, 600, 1800] as const;
export const CLAIM_S = [60, 600, 3600, 86_400] as const;

/** `ref` is a SKU or a coupon; "" for coins. */
export interface PrizeDraft {
  kind: Prize["kind"];
  ref: string;
  amount: string;
  count: string;
}

export interface LotteryDraft {
  title: string;
  phrase: string;
  follow: boolean;
  minutes: string;
  coins: string;
  order: boolean;
  prizes: PrizeDraft[];
  seconds: number;
  claimS: number;
  unclaimed: Lottery["unclaimed"];
}

export const EMPTY_PRIZE: PrizeDraft = { kind: "coins", ref: "", amount: "10", count: "1" };
export const EMPTY_LOTTERY: LotteryDraft = {
  title: "",
  phrase: "",
  follow: false,
  minutes: "",
  coins: "",
  order: false,
  prizes: [EMPTY_PRIZE],
  seconds: 60,
  claimS: 600,
  unclaimed: "return",
};

/** What is sent; null if something in the draft can't be. */
export function lotteryOfDraft(draft: LotteryDraft): NewLottery | null {
  const conditions = conditionsOf(draft);
  const prizes = draft.prizes.map(prizeOf);
  if (draft.title.trim() === "" || conditions === null || prizes.length === 0) return null;
  const good = prizes.flatMap((prize) => prize ?? []);
  if (good.length < prizes.length || good.reduce((sum, { count }) => sum + count, 0) > 200) return null;
  return { title: draft.title.trim(), conditions, prizes: good, seconds: draft.seconds, claim_s: draft.claimS, unclaimed: draft.unclaimed };
}

function conditionsOf({ phrase, follow, minutes, coins, order }: LotteryDraft): Condition[] | null {
  const watched = minutes.trim() === "" ? undefined : whole(minutes, 1, 600);
  const given = coins.trim() === "" ? undefined : whole(coins, 1, 1e7);
  if (watched === null || given === null) return null;
  return [
    ...(phrase.trim() === "" ? [] : [{ kind: "comment" as const, phrase: phrase.trim() }]),
    ...(follow ? [{ kind: "follow" as const }] : []),
    ...(watched === undefined ? [] : [{ kind: "watch" as const, minutes: watched }]),
    ...(given === undefined ? [] : [{ kind: "gift" as const, coins: given }]),
    ...(order ? [{ kind: "order" as const }] : []),
  ];
}

export function prizeOf({ kind, ref, amount, count }: PrizeDraft): NewLottery["prizes"][number] | null {
  const each = kind === "coupon" ? 1 : whole(amount, 1, kind === "product" ? 100 : 1e7);
  const winners = whole(count, 1, 200);
  if (each === null || winners === null || (kind !== "coins" && ref === "")) return null;
  return { kind, amount: each, count: winners, ...(kind === "coins" ? {} : { ref }) };
}
