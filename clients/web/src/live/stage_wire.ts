/** Several publishers in a room: what travels of the stage, and of who wants to come on it. */
import type { Person } from "./wire";

/** `host`, `side`, `grid`, or `guest:` and a slot: whose picture is the big one. */
export type Layout = string;

export interface OnStage {
  slot: string;
  user: Person;
  since_ms: number;
}

export interface StageState {
  layout: Layout;
  /** First come first. */
  guests: readonly OnStage[];
}

export const EMPTY_STAGE: StageState = { layout: "host", guests: [] };

/** Somebody who has asked, is invited, has accepted, or is on stage; `gone`: no longer any of these. */
export interface Guest {
  user: Person;
  status: "asked" | "invited" | "accepted" | "on" | "gone";
  slot: string | null;
  at_ms: number;
  /** When it is over unless something happens before. */
  until_ms: number | null;
  reason?: LeaveReason;
}

export type LeaveReason = "left" | "declined" | "removed" | "muted" | "banned" | "sound" | "expired" | "no_picture" | "lost" | "ended";

export interface StageCommands {
  "guest.ask": [{ room: string }, { guest: Guest }];
  "guest.withdraw": [{ room: string }, object];
  "guest.invite": [{ room: string; user: string }, { guest: Guest }];
  "guest.answer": [{ room: string; accept: boolean }, { guest: Guest | null }];
  "guest.remove": [{ room: string; user: string }, object];
  "stage.layout": [{ room: string; layout: Layout }, { layout: Layout }];
}

/** What a guest's picture is called in addresses: docs/protocol.md, *The stage*. */
export function streamName(room: string, slot: string | null): string {
  return slot === null ? room : `${room}:${slot}`;
}
