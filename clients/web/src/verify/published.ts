/** The published file of a draw, and what anybody can recompute of it; as the server's `published.py`. */
import { commitment, entrantsHash, FORMAT, fromHex, places, prizesHash, rulesHash, toHex } from "./draw";

export const PARTS = ["rules", "prizes", "seed", "entrants", "weights", "winners"] as const;
export type Part = (typeof PARTS)[number] | "format";

export interface Winner {
  place: number;
  entry: string;
  prize: number;
  status: "waiting" | "claimed" | "unclaimed";
}

export interface DrawFile {
  format: string;
  rules: Record<string, unknown> & { title?: string; room?: string; unclaimed?: string };
  prizes: { kind: string; ref: string | null; amount: number; count: number; title: string }[];
  opened: { commitment: string; rules_hash: string; prizes_hash: string };
  closed: { count: number; weight: number; hash: string };
  seed: string;
  winners: Winner[];
  entries: string[];
}

/** What the verifier saw in the room itself: when it opened, and when it closed. */
export interface Seen {
  commitment?: string | undefined;
  entrants?: string | undefined;
}

const LINE = /^[0-9a-f]{32}:[0-9a-f]{32}:[1-9][0-9]{0,6}$/;
const HEX = /^[0-9a-f]{64}$/;
const STATUSES = ["waiting", "claimed", "unclaimed"];

/** The parts that aren't as they must be, one for each thing that was found; none: the winners are who they must be. */
export async function verify(file: unknown, seen: Seen = {}): Promise<Part[]> {
  if (!hasForm(file)) return ["format"];
  const found = [...(await checkOpening(file, seen.commitment)), ...(await checkEntrants(file, seen.entrants))];
  if (found.includes("entrants") || found.includes("seed")) return found;
  return [...found, ...(await checkWinners(file))];
}

function hasForm(file: unknown): file is DrawFile {
  const { format, rules, prizes, opened, closed, seed, winners, entries } = members(file);
  if (format !== FORMAT || rules === null || typeof rules !== "object") return false;
  if (!Array.isArray(prizes) || !Array.isArray(winners) || !Array.isArray(entries)) return false;
  const { commitment, rules_hash, prizes_hash } = members(opened);
  const { count, weight, hash } = members(closed);
  const hashes = [commitment, rules_hash, prizes_hash, hash, seed];
  const counts = [count, weight, ...prizes.map((prize) => members(prize).count)];
  return (
    hashes.every((each) => typeof each === "string" && HEX.test(each)) &&
    counts.every(isCount) &&
    winners.every((winner) => isCount(members(winner).place) && isCount(members(winner).prize))
  );
}

function isCount(each: unknown): boolean {
  return Number.isSafeInteger(each) && (each as number) >= 0;
}

function members(each: unknown): Record<string, unknown> {
  return each !== null && typeof each === "object" ? (each as Record<string, unknown>) : {};
}

async function checkOpening({ opened, rules, prizes, seed }: DrawFile, seen?: string): Promise<Part[]> {
  const found: Part[] = [];
  if (seen !== undefined && seen !== opened.commitment) found.push("seed");
  if (toHex(await rulesHash(rules)) !== opened.rules_hash) found.push("rules");
  if (toHex(await prizesHash(prizes)) !== opened.prizes_hash) found.push("prizes");
  const hash = await commitment(fromHex(seed), fromHex(opened.rules_hash), fromHex(opened.prizes_hash));
  if (toHex(hash) !== opened.commitment) found.push("seed");
  return found;
}

async function checkEntrants({ entries, closed }: DrawFile, seen?: string): Promise<Part[]> {
  const found: Part[] = [];
  if (seen !== undefined && seen !== closed.hash) found.push("entrants");
  if (!entries.every((line) => typeof line === "string" && LINE.test(line))) return [...found, "entrants"];
  if (entries.length !== closed.count) found.push("entrants");
  if (entries.some((line, n) => n > 0 && tagOf(line) <= tagOf(entries[n - 1]))) found.push("entrants");
  if (toHex(await entrantsHash(entries)) !== closed.hash) found.push("entrants");
  if (weightsOf(entries).reduce((sum, weight) => sum + weight, 0) !== closed.weight) found.push("weights");
  return found;
}

export const tagOf = (line = "") => line.slice(0, 32);

function weightsOf(entries: readonly string[]): Float64Array {
  return Float64Array.from(entries, (line) => Number(line.slice(66)));
}

/** Places are handed out in the order of the draw, each prize to the next place when its winner didn't claim it. */
async function checkWinners({ entries, winners, prizes, rules, seed, closed }: DrawFile): Promise<Part[]> {
  const found: Part[] = [];
  const total = prizes.reduce((sum, prize) => sum + prize.count, 0);
  const drawn = await places(weightsOf(entries), fromHex(seed), fromHex(closed.hash), winners.length);
  if (winners.length < Math.min(total, entries.length)) found.push("winners");
  const holders = new Map<number, string>();
  for (const [n, { place, entry, prize, status }] of winners.entries()) {
    const at = drawn[n];
    if (place !== n || at === undefined) return [...found, "winners"];
    if (entry !== tagOf(entries[at])) found.push("winners");
    if (!STATUSES.includes(status)) found.push("winners");
    if (n < total && prize !== n) found.push("winners");
    else if (n >= total && (rules.unclaimed !== "redraw" || holders.get(prize) !== "unclaimed")) found.push("winners");
    holders.set(prize, status);
  }
  return found;
}
