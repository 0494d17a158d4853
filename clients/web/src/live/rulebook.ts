/** Rulebooks over HTTP: the rules and word lists of a room, or of the platform. */
import { inRoom, json, request } from "./api";

export const MEASURES = ["allow", "mask", "hold", "deny"] as const;
export type Measure = (typeof MEASURES)[number];
export const MEASURED = ["links", "contacts", "adverts", "floods", "walls", "claims"] as const;
export type Measured = (typeof MEASURED)[number];
export const PICTURES = ["off", "alert", "blur", "interrupt"] as const;
export const SOUNDS = ["off", "alert", "interrupt"] as const;
export const LEVEL_MAX = 4;
export const USUAL_LEVEL = 2;

export interface Rules extends Record<Measured, Measure> {
  levels: Record<string, number>;
  links_allowed: string[];
  ask_hook: boolean;
  reports_to_queue: number;
  reports_to_hide: number;
  appeals: boolean;
  picture: (typeof PICTURES)[number];
  sound: (typeof SOUNDS)[number];
}

export interface Rulebook {
  /** What was chosen here. */
  own: Partial<Rules>;
  /** What would hold without. */
  inherited: Rules;
  rules: Rules;
  /** What a room can't choose milder than it is inherited. */
  firm: string[];
  categories: { category: string; entries: number }[];
  version: number;
}

/** What changes; null takes the own choice away. */
export type Change = {
  [Name in keyof Rules]?: Name extends "levels" ? Record<string, number | null> : Rules[Name] | null;
} & { firm?: string[] };

export const FORMS = { txt: "text/plain", toml: "application/toml", csv: "text/csv" } as const;
export type Form = keyof typeof FORMS;

export interface WordList {
  name: string;
  form: Form;
  entries: number;
  version: number;
  by: string;
  at_ms: number;
}

export interface WordLists {
  items: WordList[];
  lists_max: number;
  entries: number;
  entries_max: number;
}

export interface Tried {
  text: string;
  shown: string;
  verdict: Measure;
  reasons: { check: string; code: string; verdict: Measure; rule: string; start: number | null; end: number | null }[];
}

/** Whose rulebook it is: a room's, or without one the platform's. */
export interface Place {
  room: string | null;
  token: () => string | null;
}

const at = ({ room }: Place, rest: string) =>
  room === null ? `/api/v1/moderation${rest}` : inRoom(room, `/moderation${rest}`);

const listAt = (place: Place, name: string) => at(place, `/lists/${encodeURIComponent(name)}`);

const seen = (version: number): Record<string, string> =>
  version === 0 ? { "If-None-Match": "*" } : { "If-Match": `"${version}"` };

export function readRulebook(place: Place): Promise<Rulebook> {
  return json(at(place, "/rules"), { token: place.token() });
}

/** Refused with `precondition_failed` if somebody else has changed them since `version`. */
export function changeRules(place: Place, change: Change, version: number): Promise<Rulebook> {
  return json(at(place, "/rules"), {
    method: "PATCH",
    headers: { "Content-Type": "application/json", ...seen(version) },
    body: JSON.stringify(change),
    token: place.token(),
  });
}

export function readLists(place: Place): Promise<WordLists> {
  return json(at(place, "/lists"), { token: place.token() });
}

/** A list's text, in the form it was handed in or in another. */
export async function readList(place: Place, name: string, form: Form): Promise<{ text: string; version: number }> {
  const answer = await request(`${listAt(place, name)}?format=${form}`, { token: place.token() });
  return { text: await answer.text(), version: Number(answer.headers.get("ETag")?.replace(/\D/g, "")) };
}

/** `version` is what was read; 0: there is no such list yet. */
export function putList(place: Place, name: string, form: Form, text: string, version: number): Promise<WordList> {
  return json(listAt(place, name), {
    method: "PUT",
    headers: { "Content-Type": FORMS[form], ...seen(version) },
    body: text,
    token: place.token(),
  });
}

export async function deleteList(place: Place, list: WordList): Promise<void> {
  await request(listAt(place, list.name), { method: "DELETE", headers: seen(list.version), token: place.token() });
}

export function tryText(place: Place, text: string, kind: string): Promise<Tried> {
  return json(at(place, "/try"), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ text, kind }),
    token: place.token(),
  });
}

/** A measure that a firm platform forbids a room, because it is milder than the inherited one. */
export function isTooMild<T>(order: readonly T[], value: T, inherited: T): boolean {
  return order.indexOf(value) < order.indexOf(inherited);
}
