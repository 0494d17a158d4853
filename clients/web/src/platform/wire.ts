/** What operators see of all rooms, as the API gives it. */
import { blob, json } from "../live/api";
import type { Counts, Numbers, TrailProblem } from "../studio/transparency/wire";

export interface RoomNumbers extends Counts {
  room: string;
  /** Empty: there is no such room any more. */
  title: string;
}

export interface PlatformNumbers extends Numbers {
  first_day: string;
  last_day: string;
  rooms_moderated: number;
  rooms: readonly RoomNumbers[];
}

export interface Pass {
  began_ms: number;
  done_ms?: number;
  trails: number;
  entries: number;
  problems: number;
  found: readonly TrailProblem[];
}

export interface Watch {
  every_s: number;
  broken: boolean;
  last: Pass | null;
  going: Pass | null;
}

const NUMBERS = "/api/v1/moderation/transparency";

export function platformNumbers(days: number, token: string | null): Promise<PlatformNumbers> {
  return json(`${NUMBERS}?days=${days}`, { token });
}

/** The same as a file, with a mark by which spreadsheets take it for what it is. */
export function numbersFile(days: number, format: "csv" | "json", token: string | null): Promise<Blob> {
  return blob(`${NUMBERS}/export?days=${days}&rooms=100&format=${format}&bom=true`, token);
}

export function watchOf(token: string | null): Promise<Watch> {
  return json("/api/v1/audit/watch", { token });
}
