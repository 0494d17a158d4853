/**
 * Who may comment in a room, and how often: its modes, and those of its shield while that is up. Pure. The server
 * decides; what is known here already needn't be tried in vain.
 */
export const WHO = ["everyone", "followers", "members", "buyers", "moderators"] as const;
export type WhoMayComment = (typeof WHO)[number];

/** What a comment has to pass. */
interface Gate {
  who_may_comment: WhoMayComment;
  followed_for_s: number;
  slow_mode_s: number;
}

export interface Shield extends Gate {
  since_ms: number;
  /** Null: until somebody takes it down. */
  until_ms: number | null;
}

export interface RoomSettings extends Gate {
  /** The fans' level from which one is a member. */
  member_level: number;
  emoji_only: boolean;
  shield: Shield | null;
}

export const NO_MODES: RoomSettings = {
  slow_mode_s: 0,
  who_may_comment: "everyone",
  followed_for_s: 0,
  member_level: 1,
  emoji_only: false,
  shield: null,
};

/** Whether the shield is up; one whose time is over counts no more. */
export function shieldUp({ shield }: RoomSettings, now: number): boolean {
  return shield !== null && (shield.until_ms === null || now < shield.until_ms);
}

function gates(settings: RoomSettings, now: number): Gate[] {
  return settings.shield && shieldUp(settings, now) ? [settings, settings.shield] : [settings];
}

/** Seconds between two comments of one person. */
export function slowModeS(settings: RoomSettings, now: number): number {
  return Math.max(...gates(settings, now).map((gate) => gate.slow_mode_s));
}

/** What stands in somebody's way that is known here; `until_ms` null: first they have to follow. */
export type Barred = { why: "moderators" } | { why: "followers"; until_ms: number | null; followed_for_s: number };

export function barred(settings: RoomSettings, followedSince: number | null, now: number): Barred | null {
  const all = gates(settings, now);
  if (all.some((gate) => gate.who_may_comment === "moderators")) return { why: "moderators" };
  const asked = all.filter((gate) => gate.who_may_comment === "followers").map((gate) => gate.followed_for_s);
  if (asked.length === 0) return null;
  const followed_for_s = Math.max(...asked);
  const until_ms = followedSince === null ? null : followedSince + followed_for_s * 1000;
  return until_ms === null || until_ms > now ? { why: "followers", until_ms, followed_for_s } : null;
}

const KEYCAPS = /[0-9#*]\uFE0F?\u20E3/gu;
const WORDS = /(?!\p{Extended_Pictographic})[\p{L}\p{N}\p{P}]/u;

/** Whether a text has letters, digits or marks in it, which are refused for sure where emoji alone may be said. */
export function hasWords(text: string): boolean {
  return WORDS.test(text.replaceAll(KEYCAPS, ""));
}
