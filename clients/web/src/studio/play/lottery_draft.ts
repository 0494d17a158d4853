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

/** What gives more chances: nothing, coins given, or the level as a fan. */
export type WeightsBy = "" | NonNullable<Lottery["weights"]>["by"];

export interface LotteryDraft {
  title: string;
  phrase: string;
  follow: boolean;
  minutes: string;
  coins: string;
  /** Which gift, and which product's order: "" for any. */
  gift: string;
  order: boolean;
  product: string;
  weightsBy: WeightsBy;
  weightsPer: string;
  weightsMax: string;
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
  gift: "",
  order: false,
  product: "",
  weightsBy: "",
  weightsPer: "100",
  weightsMax: "10",
  prizes: [EMPTY_PRIZE],
  seconds: 60,
  claimS: 600,
  unclaimed: "return",
};

/** What is sent; null if something in the draft can't be. */
export function lotteryOfDraft(draft: LotteryDraft): NewLottery | null {
  const conditions = conditionsOf(draft);
  const weights = weightsOf(draft);
  const prizes = draft.prizes.map(prizeOf);
  if (draft.title.trim() === "" || conditions === null || weights === undefined || prizes.length === 0) return null;
  const good = prizes.flatMap((prize) => prize ?? []);
  if (good.length < prizes.length || good.reduce((sum, { count }) => sum + count, 0) > 200) return null;
  return { title: draft.title.trim(), conditions, prizes: good, seconds: draft.seconds, claim_s: draft.claimS, unclaimed: draft.unclaimed, weights };
}

/** Null: all have the same chance; undefined: what is there can't be sent. */
function weightsOf({ weightsBy, weightsPer, weightsMax }: LotteryDraft): Lottery["weights"] | undefined {
  if (weightsBy === "") return null;
  const per = weightsBy === "gift_coins" ? whole(weightsPer, 1, 1e7) : 1;
  const max = whole(weightsMax, 2, 1000);
  return per === null || max === null ? undefined : { by: weightsBy, per, max };
}

function conditionsOf({ phrase, follow, minutes, coins, gift, order, product }: LotteryDraft): Condition[] | null {
  const watched = minutes.trim() === "" ? undefined : whole(minutes, 1, 600);
  const given = coins.trim() === "" ? undefined : whole(coins, 1, 1e7);
  if (watched === null || given === null) return null;
  return [
    ...(phrase.trim() === "" ? [] : [{ kind: "comment" as const, phrase: phrase.trim() }]),
    ...(follow ? [{ kind: "follow" as const }] : []),
    ...(watched === undefined ? [] : [{ kind: "watch" as const, minutes: watched }]),
    ...(given === undefined ? [] : [{ kind: "gift" as const, coins: given, ...(gift === "" ? {} : { gift }) }]),
    ...(order ? [{ kind: "order" as const, ...(product === "" ? {} : { product }) }] : []),
  ];
}

export function prizeOf({ kind, ref, amount, count }: PrizeDraft): NewLottery["prizes"][number] | null {
  const each = kind === "coupon" ? 1 : whole(amount, 1, kind === "product" ? 100 : 1e7);
  const winners = whole(count, 1, 200);
  if (each === null || winners === null || (kind !== "coins" && ref === "")) return null;
  return { kind, amount: each, count: winners, ...(kind === "coins" ? {} : { ref }) };
}
