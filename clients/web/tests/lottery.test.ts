import { describe, expect, it } from "vitest";

import { EMPTY_LOTTERY, lotteryOfDraft, type LotteryDraft } from "../src/studio/play/lottery_draft";

const draft = (some: Partial<LotteryDraft> = {}): LotteryDraft => ({ ...EMPTY_LOTTERY, title: "Tea", ...some });
const coins = (amount: string, count: string) => ({ kind: "coins" as const, ref: "", amount, count });

describe("a lottery's form", () => {
  it("sends what was filled in, and conditions only where there are some", () => {
    expect(lotteryOfDraft(draft({ title: " Tea ", phrase: " please ", minutes: "5", order: true }))).toEqual({
      title: "Tea",
      conditions: [{ kind: "comment", phrase: "please" }, { kind: "watch", minutes: 5 }, { kind: "order" }],
      prizes: [{ kind: "coins", amount: 10, count: 1 }],
      seconds: 60,
      claim_s: 600,
      unclaimed: "return",
      weights: null,
    });
  });

  it("asks for a certain gift and order, and weighs", () => {
    const sent = lotteryOfDraft(draft({ coins: "50", gift: "rose", order: true, product: "p1", weightsBy: "gift_coins", weightsPer: "20", weightsMax: "5" }));
    expect(sent?.conditions).toEqual([
      { kind: "gift", coins: 50, gift: "rose" },
      { kind: "order", product: "p1" },
    ]);
    expect(sent?.weights).toEqual({ by: "gift_coins", per: 20, max: 5 });
    expect(lotteryOfDraft(draft({ weightsBy: "fan_level", weightsPer: "" }))?.weights).toEqual({ by: "fan_level", per: 1, max: 10 });
  });

  it("gives one coupon each", () => {
    const prizes = [{ kind: "coupon" as const, ref: "c1", amount: "7", count: "2" }];
    expect(lotteryOfDraft(draft({ prizes }))?.prizes).toEqual([{ kind: "coupon", ref: "c1", amount: 1, count: 2 }]);
  });

  it.each([
    { title: " " },
    { prizes: [] },
    { prizes: [coins("0", "1")] },
    { prizes: [coins("1", "201")] },
    { prizes: [coins("1", "150"), coins("1", "51")] },
    { prizes: [{ kind: "product" as const, ref: "", amount: "1", count: "1" }] },
    { minutes: "soon" },
    { coins: "-1" },
    { weightsBy: "gift_coins" as const, weightsPer: "0" },
    { weightsBy: "fan_level" as const, weightsMax: "1" },
  ])("can't be sent with %o", (some) => {
    expect(lotteryOfDraft(draft(some))).toBeNull();
  });
});
