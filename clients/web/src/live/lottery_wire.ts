/** What travels about lotteries: docs/protocol.md as types. */
import type { Address, Order, Person, Play } from "./wire";

export type Condition =
  | { kind: "comment"; phrase: string }
  | { kind: "follow" }
  | { kind: "watch"; minutes: number }
  | { kind: "gift"; gift?: string; coins: number }
  | { kind: "order"; product?: string };

export interface Prize {
  kind: "product" | "coupon" | "coins";
  ref: string | null;
  amount: number;
  count: number;
  title: string;
}

/** A lottery as everybody sees it. */
export interface Lottery extends Play {
  kind: "lottery";
  title: string;
  state: "open" | "closed" | "drawn";
  conditions: Condition[];
  prizes: Prize[];
  winners: number;
  opened_at_ms: number;
  closes_at_ms: number;
  claim_s: number;
  unclaimed: "redraw" | "return";
  weights: { by: "gift_coins" | "fan_level"; per: number; max: number } | null;
  commitment: string;
  entrants: { count: number; weight: number; hash: string } | null;
  claim_by_ms: number | null;
  winners_shown: { place: number; entry: string; prize: number; user: Person }[];
}

/** A place of one's own. */
export interface Won {
  lottery: string;
  title: string;
  status: "waiting" | "claimed" | "unclaimed";
  place: number;
  prize: Prize;
  claim_by_ms: number;
}

export interface Entry {
  lottery: string;
  tag: string;
  nonce: string;
  weight: number;
}

export type CheckedCondition = Condition & { done: boolean; have: number };

/** How one stands with a lottery. */
export interface Standing {
  conditions: CheckedCondition[];
  entered: boolean;
  entry: Entry | null;
  won: Won | null;
  entrants: number;
}

export interface NewLottery {
  title: string;
  conditions: Condition[];
  prizes: { kind: Prize["kind"]; ref?: string; amount: number; count: number }[];
  seconds: number;
  claim_s: number;
  unclaimed: Lottery["unclaimed"];
  weights: Lottery["weights"];
}

declare module "./wire" {
  interface Commands {
    "lottery.create": [NewLottery & { room: string }, { lottery: Lottery }];
    "lottery.enter": [{ room: string; lottery: string; nonce: string }, { entry: Entry }];
    "lottery.check": [{ room: string; lottery: string }, Standing];
    "lottery.draw": [{ room: string; lottery: string }, { lottery: Lottery }];
    "lottery.cancel": [{ room: string; lottery: string }, { lottery: Lottery }];
    "lottery.claim": [
      { room: string; lottery: string; address?: Address },
      { prize: Prize; given: { coins?: number; coupon?: string; order?: Order } },
    ];
  }
}
