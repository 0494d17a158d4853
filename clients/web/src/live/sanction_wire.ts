/** Sanctions on the wire: what is in force on somebody, and what one is told of one's own. */
import type { Person } from "./wire";

export type SanctionKind = "mute" | "ban" | "shadow" | "warn" | "watch" | "restrict";

export interface Sanction {
  id: string;
  kind: SanctionKind;
  user: Person;
  everywhere: boolean;
  /** null: until it is lifted. */
  until_ms: number | null;
  reason: string;
  by: Person;
  at_ms: number;
}

/** As lists have it: with how it ended; `over` null: it is in force. */
export interface KeptSanction extends Sanction {
  room: string;
  by_role: string;
  over: { at_ms: number; by: string | null; why: "ran_out" | "lifted" | "replaced" | "appeal" | "accepted" } | null;
}

/** What keeps the caller from speaking, or from being here. */
export interface OwnSanction {
  sanction: string;
  until_ms: number | null;
  reason: string;
  everywhere: boolean;
}

export interface Warning {
  warning: string;
  reason: string;
}

interface OfUser {
  room: string;
  user: string;
}
type Given = [OfUser & { seconds: number | null; reason: string }, { sanction: Sanction }];
type GivenEverywhere = [Given[0] & { everywhere?: boolean }, Given[1]];

export interface SanctionCommands {
  "moderate.mute": GivenEverywhere;
  "moderate.unmute": [OfUser & { everywhere?: boolean }, object];
  "moderate.ban": GivenEverywhere;
  "moderate.unban": [OfUser & { everywhere?: boolean }, object];
  "moderate.shadow": Given;
  "moderate.unshadow": [OfUser, object];
  "moderate.watch": Given;
  "moderate.unwatch": [OfUser, object];
  "moderate.restrict": Given;
  "moderate.unrestrict": [OfUser, object];
  "moderate.warn": [OfUser & { reason: string }, { sanction: Sanction }];
  "moderate.unwarn": [OfUser & { warning?: string }, object];
  "warning.accept": [{ room: string; warning: string }, object];
}

/** What the staff's events say of a sanction's beginning and end. */
export const GIVEN: Readonly<Record<string, SanctionKind>> = {
  muted: "mute",
  banned: "ban",
  shadowed: "shadow",
  warned: "warn",
  watched: "watch",
  restricted: "restrict",
};
export const ENDED: Readonly<Record<string, SanctionKind>> = {
  unmuted: "mute",
  unbanned: "ban",
  unshadowed: "shadow",
  warning_accepted: "warn",
  unwatched: "watch",
  unrestricted: "restrict",
};

export function own({ id, until_ms, reason, everywhere }: Sanction): OwnSanction {
  return { sanction: id, until_ms, reason, everywhere };
}

/** The one of both that lasts longer. */
export function stricter(a: OwnSanction | null, b: OwnSanction): OwnSanction {
  if (a === null) return b;
  if (a.everywhere === b.everywhere) return b; // it has taken the other's place
  return (a.until_ms ?? Infinity) > (b.until_ms ?? Infinity) ? a : b;
}
