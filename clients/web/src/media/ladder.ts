/** Which protocol a viewer uses next: pure decisions of the player. Times are in ms of any one clock. */

export type Protocol = "whep" | "hls";
export type Via = Protocol | "auto";

export interface Ladder {
  via: Via;
  protocol: Protocol;
  /** When WHEP failed last, and how often in a row. */
  failedAt: number;
  failures: number;
  /** How long to wait after the first failure: the server's word, or half a minute. */
  firstWaitMs: number;
}

const FIRST_CLIMB_MS = 30_000;
const LAST_CLIMB_MS = 300_000;
/** A WHEP session that held this long before it failed is worth another one straight away. */
const HELD_MS = 30_000;

export function ladder(via: Via): Ladder {
  return { via, protocol: via === "hls" ? "hls" : "whep", failedAt: 0, failures: 0, firstWaitMs: FIRST_CLIMB_MS };
}

/** WHEP could not be had, or stopped after `heldMs` of playing; `retryAfterMs` is when the server said to ask again. */
export function whepFailed(state: Ladder, now: number, heldMs: number, retryAfterMs = FIRST_CLIMB_MS): Ladder {
  if (state.via === "whep") return state;
  if (heldMs >= HELD_MS) return { ...state, protocol: "whep", failures: 0, failedAt: now };
  return { ...state, protocol: "hls", failures: state.failures + 1, failedAt: now, firstWaitMs: retryAfterMs };
}

export function whepWorks(state: Ladder): Ladder {
  return { ...state, protocol: "whep", failures: 0 };
}

/** Whether a viewer on HLS should try WHEP again: after half a minute or when the server said, then twice as long each time. */
export function shouldClimb(state: Ladder, now: number): boolean {
  if (state.via !== "auto" || state.protocol !== "hls") return false;
  return now - state.failedAt >= Math.min(state.firstWaitMs * 2 ** (state.failures - 1), LAST_CLIMB_MS);
}
