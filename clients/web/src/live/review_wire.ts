/** The moderators' queue, reports and appeals on the wire: docs/protocol.md, *Review*. */
import type { Finding, PictureMeasure, PictureOf } from "./picture_wire";
import type { LiveEvent, Person } from "./wire";

export type ReviewKind = "held" | "report" | "appeal" | "picture" | "sound";
export type Decision = "release" | "refuse" | "grant" | "uphold" | "dismiss";
export type Why = "spam" | "abuse" | "sexual" | "scam" | "other";

export const WHYS: readonly Why[] = ["spam", "abuse", "sexual", "scam", "other"];

export interface ReviewReason {
  check: string;
  code: string;
  verdict: string;
  rule: string;
  /** In code points; null: the text as a whole. */
  start: number | null;
  end: number | null;
}

export interface ReviewItem {
  id: string;
  kind: ReviewKind;
  state: "open" | "decided" | "expired";
  needs: string;
  user: Person;
  at_ms: number;
  due_at_ms: number | null;
  claim: { by: Person; until_ms: number } | null;
  decision: Decision | "expired" | null;
  reason: string;
  by: Person | null;
  waited_ms: number | null;
  text?: string;
  reasons?: ReviewReason[];
  whys?: Partial<Record<Why, number>>;
  texts?: { why: Why; text: string }[];
  reports?: number;
  hidden?: boolean;
  stream?: PictureOf;
  /** An uploaded picture that is withheld. */
  upload?: string;
  measure?: PictureMeasure | "withhold";
  classes?: readonly Finding[];
  /** Where a still is, of a picture. */
  picture?: string | null;
  language?: string;
  heard_ms?: number;
  into_ms?: number | null;
  duration_ms?: number;
  /** Where it can be listened to, of what was said. */
  sound?: string | null;
  sanction?: { kind: string; until_ms: number | null; reason: string; by: Person; at_ms: number; everywhere?: boolean };
}

/** What the filter would make of a held comment by now, where that is something else than when it was held. */
export interface JudgedAgain {
  verdict: "allow" | "mask" | "hold" | "deny";
  reasons: ReviewReason[];
}

export interface WholeReviewItem extends ReviewItem {
  around: LiveEvent[];
  history: Record<string, number>;
}

export interface ReviewPart {
  items: ReviewItem[];
  waiting: number;
  waits_ms: number[];
}

/** A comment of one's own that waits for a moderator. */
export interface HeldComment {
  id: string;
  at_ms: number;
  until_ms: number;
  text: string;
}

export interface HeldDecided {
  item: string;
  decision: "release" | "refuse" | "expired";
  reason: string;
  event?: LiveEvent;
}

/** An appeal as its writer sees it. */
export interface Appealed {
  id: string;
  sanction: string;
  state: "open" | "decided" | "expired";
  text: string;
  at_ms: number;
  decision: "grant" | "refuse" | "expired" | null;
  reason: string;
  decided_at_ms: number | null;
}

export interface ReviewCommands {
  report: [{ room: string; event: string; why: Why; text?: string }, object];
  appeal: [{ room: string; sanction: string; text: string }, { appeal: Appealed }];
  "review.claim": [{ room: string; item: string }, { item: ReviewItem; now?: JudgedAgain }];
  "review.release": [{ room: string; item: string }, { item: ReviewItem }];
  "review.decide": [{ room: string; item: string; decision: Decision; reason?: string }, { item: ReviewItem }];
}
