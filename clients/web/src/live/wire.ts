/** What travels between the server and the pages: docs/protocol.md as types. */

import type { Appealed, HeldComment, ReviewCommands, ReviewPart } from "./review_wire";
import type { GiftCommands } from "./gifts";
import type { RoomSettings, WhoMayComment } from "./modes";
import type { Opens, Packet, PacketTerms, Share } from "./packet_wire";
import type { PeopleCommands } from "./people";
import type { Level, PointsCommands } from "./points";
import type { Action, Role } from "./roles";
import type { OwnSanction, Sanction, SanctionCommands, Warning } from "./sanction_wire";
import type { Address, Claim, Coupon, Order, Sale } from "./shop_wire";
import type { Guest, StageCommands, StageState } from "./stage_wire";
import type { Wallet } from "./wallet";

export type { RoomSettings, Shield, WhoMayComment } from "./modes";
export type * from "./roles";
export type * from "./shop_wire";

export type RoomStatus = "idle" | "live" | "interrupted" | "ended";

export const COLORS = ["white", "red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink"] as const;
export type Color = (typeof COLORS)[number];
export const LANES = ["scroll", "top", "bottom"] as const;
export type Lane = (typeof LANES)[number];

export interface Person {
  id: string;
  name: string;
  /** What their picture is called; absent for who has none. */
  avatar?: string | undefined;
}

export interface Author extends Person {
  badges: string[];
}

export interface Sku {
  id: string;
  name: string;
  price_minor: number;
  currency: string;
}

/** A variant of a product to be made. */
export interface NewSku {
  name: string;
  price_minor: number;
  stock: number;
}

/** A change of the variant `sku`, or a new one without it. */
export interface ChangeSku {
  sku?: string;
  name?: string;
  price_minor?: number;
  stock?: number;
  stock_delta?: number;
}

export interface Product {
  id: string;
  title: string;
  picture: string | null;
  /** All pictures, the first being `picture`; what older logs tell of has neither them nor a category. */
  pictures?: string[];
  category?: string;
  position: number;
  skus: Sku[];
}

export interface LiveEvent {
  id: string;
  offset: number;
  kind: string;
  at_ms: number;
  media_ms?: number;
  user?: Author;
  data: Record<string, unknown>;
}

export interface CommentData {
  text: string;
  color?: Color;
  lane?: Lane;
  reply_to?: { id: string; name: string; text: string };
  deleted?: boolean;
  /** A moderator has masked its words. */
  masked?: boolean;
}

export interface RoomInfo {
  id: string;
  title: string;
  status: RoomStatus;
  host: Person;
  started_at_ms: number | null;
  ended_at_ms: number | null;
  /** Absent until the host has set one. */
  pause?: Pause;
  /** While the stream is recorded: as what. */
  recording?: string;
  /** Whose pictures are blurred; absent while none is. */
  blurred?: readonly string[];
}

/** What viewers see instead of the picture; `picture` also while the publisher is away. */
export interface Pause {
  on: boolean;
  picture: string | null;
}

/** The fold of a room's log. */
export interface RoomState {
  room: RoomInfo;
  settings: RoomSettings;
  products: Product[];
  pins: string[];
  comments: LiveEvent[];
  /** Announced and running, in the order in which they begin. */
  sales: Sale[];
  /** Those that can be claimed now. */
  coupons: Coupon[];
  /** The product that the host is talking about. */
  explaining: string | null;
  /** Lotteries, red packets, quizzes and polls, the newest first. */
  plays: Play[];
  /** Who is seen beside the host, and how. */
  stage: StageState;
}

/** What one can take part in; each kind's own fields are in a type of its own that extends this one. */
export interface Play {
  kind: "lottery" | "packet" | "quiz" | "poll";
  id: string;
}

export interface NumberedEvent {
  seq: number;
  kind: string;
  at_ms: number;
  /** The room that it is about; absent in what is about all or none. */
  room?: string;
  data: Record<string, unknown>;
}

export interface You {
  user: Person | null;
  role: Role;
  can: Action[];
  seq: number;
  items: NumberedEvent[];
  mute: OwnSanction | null;
  warning?: Warning | null;
  orders: Order[];
  coupons?: Claim[];
  wallet?: Wallet | null;
  /** The picture of the room's host. */
  host_avatar?: string | null;
  following?: boolean;
  followed_since_ms?: number | null;
  followers?: number;
  level?: Level | null;
  /** Where the caller is on the way to the stage. */
  guest?: Guest | null;
  /** Comments of theirs that wait for a moderator. */
  held?: HeldComment[];
  appeals?: Appealed[];
}

export interface Staff {
  seq: number;
  items: NumberedEvent[];
  mutes: Sanction[];
  sanctions?: Sanction[];
  orders?: Order[];
  guests?: Guest[];
  review?: ReviewPart;
}

export interface Signals {
  viewers?: number;
  likes?: number;
  stock?: Record<string, number>;
  /** How many can still be claimed of each coupon that is dropped. */
  coupons?: Record<string, number>;
  /** Numbers of plays, by play: how many entered, opened, voted. */
  plays?: Record<string, Record<string, number>>;
  followers?: number;
  reaction?: number;
  /** For the room's staff only. */
  latency?: RoomLatency;
}

/** By one protocol, over the last half minute; null: nobody has reported. */
export interface LatencyOf {
  viewers: number;
  reports: number;
  p50_ms: number | null;
  p95_ms: number | null;
}

/** From glass to glass; from the node on where `uplink_ms` is null. */
export interface RoomLatency {
  uplink_ms: number | null;
  whep: LatencyOf;
  hls: LatencyOf;
}

export interface Frame {
  room: string;
  epoch: string;
  from: number;
  to: number;
  items: LiveEvent[];
  skipped?: Record<string, number>;
}

export interface Position {
  epoch: string;
  offset: number;
}

export interface Entered extends Position {
  recovered: boolean;
  snapshot?: RoomState;
  items?: LiveEvent[];
  skipped?: Record<string, number>;
  signals: Signals;
  you: You;
  staff?: Staff;
  now_ms: number;
}

export interface Bye {
  code: string;
  message: string;
  reconnect: boolean;
  retry_after_ms?: number;
}

export interface WireError {
  code: string;
  message: string;
  temporary: boolean;
  retry_after_ms?: number;
  details?: unknown;
}

/** Each command's payload and what its answer holds beside `ok`. */
export interface Commands extends GiftCommands, PeopleCommands, PointsCommands, ReviewCommands, SanctionCommands, StageCommands {
  enter: [{ room: string; after?: Position; after_you?: number; after_staff?: number }, Entered];
  leave: [{ room: string }, object];
  time: [object, { now_ms: number }];
  refresh: [{ token: string }, { user: Person; expires_at_ms: number }];
  stats: [{ room: string; via: "whep" | "hls"; behind_ms: number }, object];
  comment: [
    { room: string; text: string; color?: Color; lane?: Lane; reply_to?: string },
    { event: LiveEvent } | { held: HeldComment },
  ];
  like: [{ room: string; count: number }, { counted: number }];
  buy: [
    {
      room: string;
      sku: string;
      qty: number;
      sale?: string;
      coupons?: string[];
      address?: Address;
      note?: string;
    },
    { order: Order },
  ];
  "order.refund": [{ room: string; order: string; reason: string; restock?: boolean }, { order: Order }];
  "sale.start": [
    {
      room: string;
      sku: string;
      price_minor: number;
      quantity: number;
      per_buyer: number;
      starts_at_ms?: number;
      countdown_s?: number;
      duration_s: number;
      stackable?: boolean;
    },
    { sale: Sale },
  ];
  "sale.end": [{ room: string; sale: string }, { sale: Sale }];
  "coupon.create": [
    Partial<Coupon> & Pick<Coupon, "title" | "kind" | "value" | "currency" | "quota"> & { room: string },
    { coupon: Coupon },
  ];
  "coupon.drop": [{ room: string; coupon: string; seconds: number }, { coupon: Coupon }];
  "coupon.close": [{ room: string; coupon: string }, { coupon: Coupon }];
  "packet.send": [PacketTerms & { room: string }, { packet: Packet; coins: number }];
  "packet.open": [{ room: string; packet: string }, { share: Share; coins: number }];
  "packet.opens": [{ room: string; packet: string; after?: number }, Opens];
  "coupon.claim": [{ room: string; coupon: string }, { coupon: Claim }];
  "order.pay": [
    { room: string; order: string; method?: string; card?: "ok" | "declined" },
    { order: Order } | { redirect: { url: string }; payment: string; expires_at_ms: number },
  ];
  "wallet.topup": [
    { room: string; pack: string; method?: string; card?: "ok" | "declined" },
    { order: Order } | { redirect: { url: string }; payment: string; expires_at_ms: number },
  ];
  "order.address": [{ room: string; order: string; address: Address }, { order: Order }];
  "order.cancel": [{ room: string; order: string }, { order: Order }];
  "moderate.delete": [{ room: string; event: string }, object];
  "moderate.mask": [{ room: string; event: string }, { text: string }];
  "moderate.purge": [{ room: string; user: string; since_ms?: number }, { count: number }];
  "room.modes": [
    {
      room: string;
      slow_mode_s?: number;
      who_may_comment?: WhoMayComment;
      followed_for_s?: number;
      member_level?: number;
      emoji_only?: boolean;
      shield?: boolean;
      shield_for_s?: number;
    },
    { settings: RoomSettings },
  ];
  "product.add": [
    {
      room: string;
      title: string;
      currency: string;
      picture?: string;
      /** Either these, or the price and the stock of the only one. */
      skus?: NewSku[];
      price_minor?: number;
      stock?: number;
    },
    { product: Product },
  ];
  "product.change": [
    {
      room: string;
      product: string;
      title?: string;
      picture?: string;
      skus?: ChangeSku[];
      price_minor?: number;
      stock_delta?: number;
    },
    { product: Product },
  ];
  "product.remove": [{ room: string; product: string }, object];
  "product.delete": [{ room: string; product: string }, object];
  "sku.delete": [{ room: string; product: string; sku: string }, object];
  "shelf.add": [{ room: string; product: string }, { product: Product }];
  "shelf.move": [{ room: string; product: string; position: number }, { products: string[] }];
  pin: [{ room: string; product: string }, { pins: string[] }];
  unpin: [{ room: string; product: string }, { pins: string[] }];
  "explain.start": [{ room: string; product: string }, { explaining: string }];
  "explain.stop": [{ room: string }, { explaining: null }];
  "room.change": [
    {
      room: string;
      title?: string;
      slow_mode_s?: number;
      who_may_comment?: WhoMayComment;
      recording?: "default" | "on" | "off";
    },
    { settings: RoomSettings },
  ];
  "room.pause": [{ room: string; on: boolean; picture?: string | null }, Pause];
  "sound.clear": [{ room: string; stream?: string }, { stream: string; quiet_until_ms: number }];
  "picture.clear": [{ room: string; stream?: string }, { stream: string; quiet_until_ms: number }];
  "recording.start": [{ room: string }, { recording: string }];
  "recording.stop": [{ room: string }, { recording: string }];
  "room.end": [{ room: string }, object];
  "room.grant": [{ room: string; user: string; role: "viewer" | "moderator" | "senior_moderator" }, object];
  "publish.token": [{ room: string; slot?: string }, { token: string; expires_at_ms: number }];
}

export type Command = keyof Commands;
export type Payload<C extends Command> = Commands[C][0];
export type Answer<C extends Command> = Commands[C][1];

/** Commands that change nothing, or nothing worth a key. */
export type Unkeyed = "enter" | "leave" | "time" | "refresh" | "stats" | "like" | "publish.token" | "lottery.check" | "quiz.check" | "poll.check" | "packet.opens";
export type Keyed = Exclude<Command, Unkeyed>;

export function commentOf(event: LiveEvent): CommentData {
  return event.data as unknown as CommentData;
}
