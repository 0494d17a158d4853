import type { Finding, PictureOf } from "./picture_wire";
import type { ReviewReason } from "./review_wire";

/** What a check says of a stream's sound. */
export type SoundMeasure = "alert" | "interrupt";

/** What whoever publishes is told. */
export interface SoundNotice {
  stream: PictureOf;
  measure: SoundMeasure;
  classes: readonly Finding[];
  codes: readonly string[];
  at_ms: number;
}

/** What was heard. `into_ms` is when, from the stream's beginning; `sound` is where it can be listened to. */
export interface Heard {
  text?: string;
  language?: string;
  reasons?: ReviewReason[];
  classes?: readonly Finding[];
  heard_ms?: number;
  into_ms?: number | null;
  duration_ms?: number;
  sound?: string | null;
}

/** What the moderators are told. */
export interface SoundHit extends Heard {
  id: string;
  stream: PictureOf;
  measure: SoundMeasure;
  heard_ms: number;
}
