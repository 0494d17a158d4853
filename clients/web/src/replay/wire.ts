/** What the server tells of recordings. */
import { inRoom, json, type Page } from "../live/api";
import type { ClockPoint } from "../live/reel";
import type { LiveEvent, RoomState } from "../live/wire";

export interface Recording {
  id: string;
  room: string;
  title: string;
  status: "recording" | "ready" | "failed";
  public: boolean;
  started_at_ms: number;
  ended_at_ms: number | null;
  duration_ms: number;
  bytes: number;
  width: number;
  height: number;
  poster: string | null;
  kept?: boolean;
  keep_until_ms?: number | null;
}

/** The host's picture was blurred for those who watched then, in the recording's ms. */
export interface BlurredStretch {
  from_ms: number;
  to_ms: number;
}

export interface TimelinePage {
  duration_ms: number;
  from_ms: number;
  to_ms: number;
  clock: ClockPoint[];
  blurred: BlurredStretch[];
  snapshot?: RoomState;
  items: LiveEvent[];
  next: string | null;
}

export interface Chapter {
  product: string;
  title: string;
  picture: string | null;
  from_ms: number;
  to_ms: number;
}

export interface Clip {
  id: string;
  title: string;
  product: string | null;
  status: "making" | "ready" | "failed";
  reason: string | null;
  from_ms: number;
  to_ms: number;
  duration_ms: number;
  bytes: number;
  url: string | null;
}

const of = (recording: string, rest = "") => `/api/v1/recordings/${encodeURIComponent(recording)}${rest}`;

export function recordingsOf(room: string, token: string | null): Promise<Page<Recording>> {
  return json(inRoom(room, "/recordings"), { token });
}

export function recording(id: string, token: string | null): Promise<Recording> {
  return json(of(id), { token });
}

export function chaptersOf(id: string, token: string | null): Promise<Page<Chapter>> {
  return json(of(id, "/chapters"), { token });
}

export function timeline(
  id: string,
  asked: { from: number; to: number; snapshot?: boolean; cursor?: string | null },
  token: string | null,
): Promise<TimelinePage> {
  const query = new URLSearchParams({ from_ms: String(Math.round(asked.from)), to_ms: String(Math.round(asked.to)) });
  if (asked.snapshot) query.set("snapshot", "1");
  if (asked.cursor) query.set("cursor", asked.cursor);
  query.set("limit", "1000");
  return json(of(id, `/timeline?${query.toString()}`), { token });
}

export function clipsOf(id: string, token: string | null): Promise<Page<Clip>> {
  return json(of(id, "/clips"), { token });
}

const sending = (method: string, body: unknown, token: string | null) => ({
  method,
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
  token,
});

export function makeClip(
  id: string,
  asked: { from_ms: number; to_ms: number; title?: string } | { product: string; title?: string },
  key: string,
  token: string | null,
): Promise<{ clip: Clip }> {
  const request = sending("POST", asked, token);
  return json(of(id, "/clips"), { ...request, headers: { ...request.headers, "Idempotency-Key": key } });
}

export function deleteClip(id: string, clip: string, token: string | null): Promise<unknown> {
  return json(of(id, `/clips/${encodeURIComponent(clip)}`), { method: "DELETE", token });
}

export function changeRecording(
  id: string,
  change: { title?: string; public?: boolean; kept?: boolean },
  token: string | null,
): Promise<Recording> {
  return json(of(id), sending("PATCH", change, token));
}

export function deleteRecording(id: string, token: string | null): Promise<unknown> {
  return json(of(id), { method: "DELETE", token });
}

/** Where the recording can be downloaded, for a while: without what was blurred, or as a `whole`. */
export function downloadOf(id: string, whole: boolean, token: string | null): Promise<{ url: string; bytes: number; left_out: BlurredStretch[] }> {
  return json(of(id, `/download${whole ? "?blurred=1" : ""}`), { method: "POST", token });
}
