/** Wallets: what travels about them, and the HTTP API for them. */
import { inRoom, json, type Page } from "./api";

export interface Wallet {
  coins: number;
  points: number;
}

/** Coins for money. */
export interface Pack {
  id: string;
  coins: number;
  price_minor: number;
  currency: string;
}

export interface CoinPrices extends Page<Pack> {
  /** By currency, what a hundred coins are worth in its minor unit. */
  worth_minor: Record<string, number>;
}

/** One line of an account. */
export interface StatementLine {
  seq: number;
  amount: number;
  balance: number;
  id: string;
  kind: string;
  ref: string;
  at_ms: number;
  room: string | null;
  reason: string | null;
}

export interface Payout {
  id: string;
  host: string;
  coins: number;
  status: "requested" | "done" | "returned";
  requested_at_ms: number;
  settled_at_ms: number | null;
  note: string | null;
}

export interface Earnings {
  host: string;
  accounts: { earnings: number; takings: number; payout: number; paid_out: number };
  /** The latest. */
  payouts: Payout[];
  payout_min: number;
}

export function coinPrices(): Promise<CoinPrices> {
  return json("/api/v1/coins");
}

export function statement(cursor: string | null, token: string | null): Promise<Page<StatementLine>> {
  const after = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
  return json(`/api/v1/wallet/statement?limit=20${after}`, { token });
}

export function earnings(room: string, token: string | null): Promise<Earnings> {
  return json(inRoom(room, "/earnings"), { token });
}

export function requestPayout(coins: number, key: string, token: string | null): Promise<{ payout: Payout }> {
  return json("/api/v1/payouts", {
    method: "POST",
    headers: { "Content-Type": "application/json", "Idempotency-Key": key },
    body: JSON.stringify({ coins }),
    token,
  });
}

/** An amount of money in coins, rounded up as the server does; null: not to be had for coins. */
export function inCoins(minor: number, currency: string, prices: CoinPrices | null): number | null {
  const worth = prices?.worth_minor[currency];
  return worth === undefined ? null : Math.ceil((minor * 100) / worth);
}
