/** The room's audit trail and its numbers, as the API gives them. */
import { inRoom, json, type Page } from "../../live/api";
import { offline, refusalOf } from "../../live/errors";

export interface Response {
  count: number;
  p50_ms: number | null;
  p90_ms: number | null;
}

export interface CountedAction {
  action: string;
  count: number;
  automatic: number;
  by: Readonly<Record<string, number>>;
}

export interface Day {
  day: string;
  filter: number;
  acted: number;
  decided: number;
}

export interface Counts {
  total: number;
  automatic: number;
  actions: readonly CountedAction[];
  filter_codes: Readonly<Record<string, Readonly<Record<string, number>>>>;
  held: { released: number; refused: number; response: Response };
  reports: { upheld: number; dismissed: number; response: Response };
  appeals: { granted: number; refused: number; response: Response };
  false_positives: { count: number; of: number; share: number | null };
}

export interface Numbers extends Counts {
  from_ms: number;
  to_ms: number;
  days: readonly Day[];
}

export interface TrailProblem {
  trail: string;
  seq: number | null;
  code: string;
  what: string;
}

export interface Chain {
  ok: boolean;
  seq: number;
  hash: string;
  entries: number;
  who_erased: number;
  what_erased: number;
  problems: number;
  found: readonly TrailProblem[];
  checked_at_ms: number;
}

export interface Entry {
  id: string;
  seq: number;
  at_ms: number;
  actor: { id: string | null; name: string };
  action: string;
  target: string;
  detail: Readonly<Record<string, unknown>>;
  facts: Readonly<Record<string, unknown>>;
  erased: readonly ("who" | "what")[];
  hash: string;
}

export interface Asked {
  action: string;
  actor: string;
  target: string;
}

/** The last `days` days as the reader's clock has them. */
export function numbersOf(room: string, days: number, token: string | null): Promise<Numbers> {
  const ahead = -new Date().getTimezoneOffset();
  return json(inRoom(room, `/transparency?days=${days}&offset_min=${ahead}`), { token });
}

export function chainOf(room: string, token: string | null): Promise<Chain> {
  return json(inRoom(room, "/audit/chain"), { token });
}

function query(asked: Asked): URLSearchParams {
  return new URLSearchParams(Object.entries(asked).filter(([, value]) => value !== ""));
}

export function entriesOf(room: string, asked: Asked, cursor: string | null, token: string | null): Promise<Page<Entry>> {
  const search = query(asked);
  search.set("limit", "30");
  if (cursor !== null) search.set("cursor", cursor);
  return json(inRoom(room, `/audit?${search}`), { token });
}

/** The trail as a file, with a mark by which spreadsheets take it for what it is. */
export async function trailFile(room: string, asked: Asked, format: "csv" | "json", token: string | null): Promise<Blob> {
  const search = query(asked);
  search.set("format", format);
  search.set("bom", "true");
  const headers = new Headers(token === null ? {} : { Authorization: `Bearer ${token}` });
  let response;
  try {
    response = await fetch(inRoom(room, `/audit/export?${search}`), { headers });
  } catch {
    throw offline();
  }
  if (!response.ok) throw await refusalOf(response);
  return response.blob();
}
