/** What a room's staff know of somebody beside sanctions. */
import { inRoom, json } from "./api";
import type { Person } from "./wire";

export interface UserNote {
  id: string;
  user: string;
  text: string;
  by: Person;
  at_ms: number;
}

export interface EvasionHint {
  like: Person;
  by: "device" | "address";
  shared: number;
  at_ms: number;
}

export interface AddressRange {
  width: "address" | "network";
  seen_ms: number;
  people: number;
  reached: number;
}

export interface SomebodyHere {
  user: Person;
  known_since_ms: number | null;
  notes: UserNote[];
  hints: EvasionHint[];
  ranges: AddressRange[] | null;
}

export interface AddressBan {
  id: string;
  everywhere: boolean;
  width: AddressRange["width"];
  user: Person;
  reason: string;
  by: Person;
  at_ms: number;
  until_ms: number;
}

export interface PeopleCommands {
  "avatar.remove": [{ room: string; user: string; reason: string }, { until_ms: number }];
  "moderate.note": [{ room: string; user: string; text: string }, { note: UserNote }];
  "moderate.note.delete": [{ room: string; note: string }, object];
  "moderate.ban_address": [
    { room: string; user: string; width: AddressRange["width"]; seconds: number; reason: string; everywhere?: boolean },
    { ban: AddressBan },
  ];
  "moderate.unban_address": [{ room: string; ban: string }, { lifted: number }];
}

export function personIn(room: string, user: string, token: string | null): Promise<SomebodyHere> {
  return json(inRoom(room, `/people/${encodeURIComponent(user)}`), { token });
}

export async function addressBans(room: string, token: string | null): Promise<AddressBan[]> {
  return (await json<{ items: AddressBan[] }>(inRoom(room, "/address-bans"), { token })).items;
}
