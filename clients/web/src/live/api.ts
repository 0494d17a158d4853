/** The HTTP API, as far as the pages use it. */
import { offline, refusalOf } from "./errors";
import type { Board, Gift, Given, Span } from "./gifts";
import type { Appealed, ReviewItem, WholeReviewItem } from "./review_wire";
import type { Coupon, LiveEvent, Order, Person, Role, RoomStatus } from "./wire";

export interface RoomCard {
  id: string;
  title: string;
  status: RoomStatus;
  host: Person;
  viewers: number;
  started_at_ms: number | null;
  /** A picture of its stream, a few seconds old. */
  poster: string | null;
}

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface PublisherHealth {
  status: string;
  protocol?: string | null;
  label?: string;
  room?: string;
  /** A guest's place; the host's stream has none. */
  slot?: string;
  video?: {
    codec?: string;
    width?: number | null;
    height?: number | null;
    fps?: number | null;
    kbps?: number;
    keyframe_interval_ms?: number | null;
  } | null;
  audio?: { codec?: string; kbps?: number } | null;
  loss?: number | null;
  rtt_ms?: number | null;
  uplink_ms?: number | null;
  viewers?: { whep?: number; hls?: number };
  /** Codes of what the host should be told, the worst first. */
  advice?: readonly string[];
}

export type DemoRole = Extract<Role, "viewer" | "moderator" | "host">;

export async function request(path: string, init: RequestInit & { token?: string | null } = {}): Promise<Response> {
  const { token, ...rest } = init;
  const headers = new Headers(rest.headers);
  if (token) headers.set("Authorization", `Bearer ${token}`);
  let response: Response;
  try {
    response = await fetch(path, { ...rest, headers });
  } catch {
    throw offline();
  }
  if (!response.ok) throw await refusalOf(response);
  return response;
}

export async function json<T>(path: string, init: RequestInit & { token?: string | null } = {}): Promise<T> {
  return (await request(path, init)).json() as Promise<T>;
}

/** What is there as it is, such as a picture that needs a token. */
export async function blob(path: string, token: string | null): Promise<Blob> {
  return (await request(path, { token })).blob();
}

export interface PaymentMethod {
  method: string;
  /** `charge` is answered at once, `checkout` is paid on another page. */
  kind: "charge" | "checkout";
}

export const inRoom = (room: string, rest: string) => `/api/v1/rooms/${encodeURIComponent(room)}${rest}`;

export function rooms(cursor: string | null = null): Promise<Page<RoomCard>> {
  return json(`/api/v1/rooms${cursor === null ? "" : `?cursor=${encodeURIComponent(cursor)}`}`);
}

/** The ways to pay, the usual one first. */
export function paymentMethods(): Promise<Page<PaymentMethod>> {
  return json("/api/v1/payments/methods");
}

/** A token of the demo; refused with `not_found` where there is none. */
export function demoToken(name: string, role: DemoRole): Promise<{ token: string; user: Person }> {
  return json("/api/v1/demo/token", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name, role }),
  });
}

/** The log after `offset`, as this caller may see it. */
export function eventsAfter(room: string, offset: number, limit: number, token: string | null): Promise<Page<LiveEvent>> {
  return json(inRoom(room, `/events?after=${offset}&limit=${limit}`), { token });
}

export function uploadPicture(room: string, picture: Blob, token: string | null): Promise<{ url: string }> {
  return json(inRoom(room, "/pictures"), {
    method: "POST",
    headers: { "Content-Type": picture.type },
    body: picture,
    token,
  });
}

export type Recorded = "default" | "on" | "off";

/** What a host sees of the room's settings beside what everybody does. */
export async function roomSettings(room: string, token: string | null): Promise<{ recording?: Recorded }> {
  return (await json<{ settings: { recording?: Recorded } }>(inRoom(room, ""), { token })).settings;
}

/** What a host sees of a coupon beside what everybody does. */
export interface MadeCoupon extends Coupon {
  claimed: number;
  used: number;
}

/** The room's coupons, newest first; for its host. */
export function coupons(room: string, token: string | null): Promise<Page<MadeCoupon>> {
  return json(inRoom(room, "/coupons"), { token });
}

/** Orders in this room, newest first: the caller's own, and everybody's for its host. */
export function orders(room: string, token: string | null): Promise<Page<Order>> {
  return json(inRoom(room, "/orders"), { token });
}

/** The gifts that can be given, in their order. */
export function giftCatalogue(token: string | null = null): Promise<{ items: Gift[] }> {
  return json("/api/v1/gifts", { token });
}

export function giftBoard(room: string, span: Span, token: string | null): Promise<Board> {
  return json(inRoom(room, `/gifts/top?span=${span}`), { token });
}

/** What was given in the room, newest first; for its host. */
export function givenGifts(room: string, token: string | null): Promise<Page<Given>> {
  return json(inRoom(room, "/gifts"), { token });
}

/** A whole order: address, note and history too; for its buyer and its host. */
export function wholeOrder(order: string, token: string | null): Promise<Order> {
  return json(`/api/v1/orders/${encodeURIComponent(order)}`, { token });
}


/** An item of the moderators' queue with what was said around it, and its writer's record. */
export async function reviewItem(room: string, item: string, token: string | null): Promise<WholeReviewItem> {
  return json(`/api/v1/rooms/${encodeURIComponent(room)}/review/${encodeURIComponent(item)}`, { token });
}

/** What waits for moderators, the longest first. */
export async function reviewQueue(room: string, token: string | null): Promise<{ items: ReviewItem[]; waiting: number }> {
  return json(`/api/v1/rooms/${encodeURIComponent(room)}/review?limit=200`, { token });
}

/** One's own appeals, of all rooms. */
export async function ownAppeals(token: string | null): Promise<Page<Appealed>> {
  return json("/api/v1/appeals", { token });
}

/** Appeals a sanction: by HTTP, as who is banned has no place in the room. */
export async function appeal(
  room: string,
  wanted: { sanction: string; text: string; key: string },
  token: string | null,
): Promise<{ appeal: Appealed }> {
  return json(`/api/v1/rooms/${encodeURIComponent(room)}/commands/appeal`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(wanted),
    token,
  });
}
