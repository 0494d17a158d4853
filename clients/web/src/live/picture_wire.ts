/** What a check says of a stream's picture. */
export type PictureMeasure = "alert" | "blur" | "interrupt";

/** Of whose picture: the host's, or a guest's by the slot. */
export type PictureOf = "host" | (string & {});

export interface Finding {
  name: string;
  /** From 0 to 1. */
  score: number;
}

/** What whoever publishes is told. */
export interface PictureNotice {
  stream: PictureOf;
  measure: PictureMeasure;
  classes: readonly Finding[];
  at_ms: number;
}

/** What the moderators are told. `picture` is where a still is: blurred, or as it was with `?clear=1`. */
export interface PictureHit extends PictureNotice {
  id: string;
  score: number;
  picture: string | null;
}
