/** Following, points and levels: what travels about them, and the HTTP API for them. */
import { inRoom, json } from "./api";
import type { Claim } from "./shop_wire";
import type { LiveEvent, Person } from "./wire";

export interface Level {
  level: number;
  /** All that was ever earned. */
  earned: number;
  /** Where the next level begins; null at the last. */
  next: number | null;
}

export interface Task {
  task: "visit" | "watch" | "comment" | "like" | "share" | "purchase" | "gift";
  points: number;
  /** Milliseconds for `watch`, coins for `gift`. */
  per: number;
  times: number;
  done: number;
  earned: number;
}

export interface Offer {
  id: string;
  kind: "coins" | "coupon" | "gift";
  title: string;
  points: number;
  amount: number;
  stock: number;
  per_person: number;
  mine: number;
}

export interface PointsDay {
  points: number;
  level: Level;
  tasks: Task[];
  today: number;
  a_day: number;
  day_ends_ms: number;
  offers: Offer[];
}

export interface PointsCommands {
  follow: [{ room: string }, { following: boolean; followers: number }];
  unfollow: [{ room: string }, { following: boolean; followers: number }];
  share: [{ room: string }, { points: number }];
  "points.redeem": [{ room: string; offer: string }, { offer: Offer; points: number; coins?: number; coupon?: Claim; gift?: LiveEvent }];
}

export function pointsDay(room: string, token: string | null): Promise<PointsDay> {
  return json(inRoom(room, "/points"), { token });
}

export interface Follower {
  user: Person;
  since_ms: number;
}

export interface Followers {
  items: Follower[];
  followers: number;
  next: string | null;
}

/** The host's followers, the newest first; `cursor` is the `next` of the page before. */
export function followersOf(room: string, token: string | null, cursor: string | null): Promise<Followers> {
  const page = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
  return json(inRoom(room, `/followers?limit=20${page}`), { token });
}

/** How often a task has earned today. */
export function timesDone({ done, per }: Task): number {
  return Math.floor(done / per);
}

/** How far somebody is from their level to the next, 0 to 1. */
export function progressOf({ earned, next }: Level, begins: number): number {
  if (next === null || next <= begins) return 1;
  return Math.min(1, Math.max(0, (earned - begins) / (next - begins)));
}
