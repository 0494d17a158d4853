/** Prizes and conditions in a few words. */
import type { Condition, Prize } from "../live/lottery_wire";
import { t } from "./index";

type Named = Omit<Prize, "kind"> & { kind: string };

/** One of a prize: "30 coins", "Jasmine tea × 2". */
export function onePrize({ kind, amount, title }: Named): string {
  if (kind === "coins") return t("lottery.coins", { n: amount });
  return amount > 1 ? `${title} × ${amount}` : title;
}

/** What the single prize number `n`, from 0, is. */
export function prizeText(prizes: readonly Named[], n: number): string {
  let left = n;
  for (const prize of prizes) {
    left -= prize.count;
    if (left < 0) return onePrize(prize);
  }
  return "";
}

/** All of them: "3 × 30 coins, 1 × Jasmine tea". */
export function prizesText(prizes: readonly Named[]): string {
  return prizes.map((prize) => `${prize.count} × ${onePrize(prize)}`).join(", ");
}

export function conditionText(condition: Condition, product?: string): string {
  switch (condition.kind) {
    case "comment":
      return t("lottery.condition.comment", { phrase: condition.phrase });
    case "follow":
      return t("lottery.condition.follow");
    case "watch":
      return t("lottery.condition.watch", { n: condition.minutes });
    case "gift":
      return t("lottery.condition.gift", { n: condition.coins });
    case "order":
      return product === undefined ? t("lottery.condition.order") : t("lottery.condition.order.of", { title: product });
  }
}
