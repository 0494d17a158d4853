/** How far the picture on this screen is behind the server's clock, in ms, and who says so. Pure. */

/** From 1900, where NTP counts from, to 1970. */
const NTP_TO_UNIX_MS = 2_208_988_800_000;
/** What is later, or from the future, is no delay but a clock that is wrong. */
const LATEST_MS = 60_000;
const EARLIEST_MS = -250;

export interface InboundVideo {
  /** The NTP time of the frame that is shown, by the server's sender reports. */
  estimatedPlayoutTimestamp?: number;
  /** Seconds that all frames together waited, and how many they were. */
  jitterBufferDelay?: number;
  jitterBufferEmittedCount?: number;
}

/** In a larger room only so many report, a different sample each time. */
export const REPORTERS = 100;

/** Null: it can't be known. By the reports if there are any, else by the time in the player's buffer and half of the round trip. */
export function whepBehind(video: InboundVideo, roundTripMs: number | null, serverNow: number): number | null {
  const { estimatedPlayoutTimestamp: shown, jitterBufferDelay: waited, jitterBufferEmittedCount: frames } = video;
  if (shown !== undefined && shown > NTP_TO_UNIX_MS) return sane(serverNow - (shown - NTP_TO_UNIX_MS));
  if (waited === undefined || !frames || roundTripMs === null) return null;
  return sane((waited / frames) * 1_000 + roundTripMs / 2);
}

/** Null: it can't be known. By EXT-X-PROGRAM-DATE-TIME at the place that is played. */
export function hlsBehind(playing: Date | null, serverNow: number): number | null {
  return playing === null ? null : sane(serverNow - playing.getTime());
}

/** Whether one page among `viewers` reports now; `chance` is 0-1. */
export function reportsNow(viewers: number, chance: number): boolean {
  return chance * Math.max(1, viewers) < REPORTERS;
}

function sane(ms: number): number | null {
  return ms >= EARLIEST_MS && ms <= LATEST_MS ? Math.max(0, Math.round(ms)) : null;
}
