/** Red packets on the wire. */
import type { Person, Play } from "./wire";

export type Split = "random" | "equal";
export type Who = "all" | "followers";

export interface Packet extends Play {
  user: Person;
  coins: number;
  count: number;
  split: Split;
  who: Who;
  greeting: string;
  sent_at_ms: number;
  closes_at_ms: number;
}

/** What a packet is sent with. */
export interface PacketTerms {
  coins: number;
  count: number;
  split: Split;
  who: Who;
  seconds: number;
  greeting?: string;
}

export interface Luckiest {
  user: Person;
  coins: number;
}

export interface Share {
  user: Person;
  /** The how manieth it was, from 1. */
  place: number;
  coins: number;
  opened_at_ms: number;
}

/** A packet as it is now. */
export interface PacketNow extends Packet {
  opened: number;
  left: number;
  left_coins: number;
  ended: "empty" | "expired" | null;
  luckiest: Luckiest | null;
}

export interface Opens {
  packet: PacketNow;
  you: Share | null;
  items: Share[];
  next: number | null;
}

export interface PacketEnded {
  id: string;
  reason: "empty" | "expired";
  opened: number;
  coins_back: number;
  luckiest: Luckiest | null;
}
