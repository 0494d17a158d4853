/** What travels between the server and the pages: docs/protocol.md as types. */

export type RoomStatus = "idle" | "live" | "interrupted" | "ended";
export type Role = "guest" | "viewer" | "moderator" | "senior_moderator" | "host" | "operator";
export type WhoMayComment = "everyone" | "moderators";

export const COLORS = ["white", "red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink"] as const;
export type Color = (typeof COLORS)[number];
export const LANES = ["scroll", "top", "bottom"] as const;
export type Lane = (typeof LANES)[number];

export type Action =
  | "comment"
  | "like"
  | "buy"
  | "mute"
  | "delete_comment"
  | "manage_products"
  | "pin"
  | "manage_room"
  | "end_room"
  | "grant_role"
  | "publish"
  | "see_orders"
  | "refund"
  | "see_audit"
  | "see_staff";

export interface Person {
  id: string;
  name: string;
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
}

export interface RoomInfo {
  id: string;
  title: string;
  status: RoomStatus;
  host: Person;
  started_at_ms: number | null;
  ended_at_ms: number | null;
}

export interface RoomSettings {
  slow_mode_s: number;
  who_may_comment: WhoMayComment;
}

export type CouponKind = "threshold" | "percent" | "fixed" | "voucher";

/** What a coupon takes off: minor units, per cent, or the most of one piece (`voucher`; 0: all of it). */
export interface CouponTerms {
  title: string;
  kind: CouponKind;
  value: number;
  minimum_minor: number;
  product: string | null;
  currency: string;
  stackable: boolean;
}

/** A coupon that can be claimed. */
export interface Coupon extends CouponTerms {
  id: string;
  quota: number;
  per_person: number;
  claim_from_ms: number | null;
  claim_until_ms: number | null;
  valid_until_ms: number | null;
  valid_s: number | null;
  drop_until_ms: number | null;
}

/** A coupon that the caller has claimed; `id` is what `buy` takes. */
export interface ClaimedCoupon extends CouponTerms {
  id: string;
  coupon: string;
  room: string;
  status: "free" | "reserved";
  order: string | null;
  claimed_at_ms: number;
  valid_until_ms: number;
}

/** The fold of a room's log. */
export interface RoomState {
  room: RoomInfo;
  settings: RoomSettings;
  products: Product[];
  pins: string[];
  coupons: Coupon[];
  comments: LiveEvent[];
  /** Announced and running. */
  sales: Sale[];
  /** The product that the host is talking about. */
  explaining: string | null;
}

export interface Sale {
  id: string;
  room: string;
  sku: string;
  product: string;
  price_minor: number;
  currency: string;
  quantity: number;
  left: number;
  per_buyer: number;
  starts_at_ms: number;
  ends_at_ms: number;
  status: "scheduled" | "running";
  stackable: boolean;
}

export interface OrderLine {
  kind: "item" | "sale" | "coupon";
  label: string;
  amount_minor: number;
  ref?: string;
}

export type OrderStatus = "held" | "paid" | "cancelled" | "expired" | "refunded";

export interface Order {
  id: string;
  room: string;
  product: string;
  sku: string;
  title: string;
  qty: number;
  unit_price_minor: number;
  subtotal_minor: number;
  discount_minor: number;
  total_minor: number;
  lines: OrderLine[];
  currency: string;
  sale: string | null;
  status: OrderStatus;
  created_at_ms: number;
  hold_until_ms: number | null;
  paid_at_ms: number | null;
  refunded_at_ms: number | null;
  buyer: Person;
}

export interface Sanction {
  user: Person;
  kind: "mute";
  until_ms: number | null;
  reason: string;
  by: Person;
  at_ms: number;
}

export interface Mute {
  until_ms: number | null;
  reason: string;
}

export interface NumberedEvent {
  seq: number;
  kind: string;
  at_ms: number;
  data: Record<string, unknown>;
}

export interface You {
  user: Person | null;
  role: Role;
  can: Action[];
  seq: number;
  items: NumberedEvent[];
  mute: Mute | null;
  orders: Order[];
}

export interface Staff {
  seq: number;
  items: NumberedEvent[];
  mutes: Sanction[];
  orders?: Order[];
}

export interface Signals {
  viewers?: number;
  likes?: number;
  stock?: Record<string, number>;
  reaction?: number;
}

/** How many are before a purchase that waits. */
export interface Place {
  key: string;
  position: number;
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
export interface Commands {
  enter: [{ room: string; after?: Position; after_you?: number; after_staff?: number }, Entered];
  leave: [{ room: string }, object];
  time: [object, { now_ms: number }];
  refresh: [{ token: string }, { user: Person; expires_at_ms: number }];
  comment: [{ room: string; text: string; color?: Color; lane?: Lane; reply_to?: string }, { event: LiveEvent }];
  like: [{ room: string; count: number }, { counted: number }];
  buy: [{ room: string; sku: string; qty: number }, { order: Order }];
  "order.pay": [
    { room: string; order: string; method?: string; card?: "ok" | "declined" },
    { order: Order } | { redirect: { url: string }; payment: string; expires_at_ms: number },
  ];
  "order.cancel": [{ room: string; order: string }, { order: Order }];
  "moderate.mute": [{ room: string; user: string; seconds: number | null; reason: string }, { sanction: Sanction }];
  "moderate.unmute": [{ room: string; user: string }, object];
  "moderate.delete": [{ room: string; event: string }, object];
  "product.add": [
    { room: string; title: string; price_minor: number; currency: string; stock: number; picture?: string },
    { product: Product },
  ];
  "product.change": [
    { room: string; product: string; title?: string; price_minor?: number; stock_delta?: number; picture?: string },
    { product: Product },
  ];
  "product.remove": [{ room: string; product: string }, object];
  "shelf.add": [{ room: string; product: string }, { product: Product }];
  "shelf.move": [{ room: string; product: string; position: number }, { products: string[] }];
  pin: [{ room: string; product: string }, { pins: string[] }];
  unpin: [{ room: string; product: string }, { pins: string[] }];
  "explain.start": [{ room: string; product: string }, { explaining: string }];
  "explain.stop": [{ room: string }, { explaining: null }];
  "room.change": [
    { room: string; title?: string; slow_mode_s?: number; who_may_comment?: WhoMayComment },
    { settings: RoomSettings },
  ];
  "room.end": [{ room: string }, object];
  "room.grant": [{ room: string; user: string; role: "viewer" | "moderator" | "senior_moderator" }, object];
  "publish.token": [{ room: string }, { token: string; expires_at_ms: number }];
}

export type Command = keyof Commands;
export type Payload<C extends Command> = Commands[C][0];
export type Answer<C extends Command> = Commands[C][1];

/** Commands that change nothing, or nothing worth a key. */
export type Unkeyed = "enter" | "leave" | "time" | "refresh" | "like" | "publish.token";
export type Keyed = Exclude<Command, Unkeyed>;

export function commentOf(event: LiveEvent): CommentData {
  return event.data as unknown as CommentData;
}
