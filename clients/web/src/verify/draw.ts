/**
 * The draw as docs/draws.md specifies it, with the browser's own SHA-256; the same as the server's
 * `rooms/play/lotteries/draw.py`. Both are held to `tests/vectors/draws.json`.
 */

export const FORMAT = "danmart-draw-1";
const WORD = 1n << 64n;
const WORDS_A_BLOCK = 4;

type Bytes = Uint8Array<ArrayBuffer>;

/** JSON in one form (RFC 8785, as far as it is needed here). */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const members = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
    return `{${members.map(([name, each]) => `${JSON.stringify(name)}:${canonical(each)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}

export function toHex(bytes: Bytes): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function fromHex(text: string): Bytes {
  return Uint8Array.from(text.match(/../g) ?? [], (two) => parseInt(two, 16));
}

function joined(...parts: Bytes[]): Bytes {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const encoder = new TextEncoder();

async function sha256(bytes: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

function hashOf(about: string, ...parts: Bytes[]): Promise<Bytes> {
  return sha256(joined(encoder.encode(`${FORMAT} ${about}\n`), ...parts));
}

export const rulesHash = (rules: unknown) => hashOf("rules", encoder.encode(canonical(rules)));
export const prizesHash = (prizes: unknown) => hashOf("prizes", encoder.encode(canonical(prizes)));
export const commitment = (seed: Bytes, rules: Bytes, prizes: Bytes) => hashOf("commitment", seed, rules, prizes);

/** Of the sorted list: every line with a newline at its end. */
export function entrantsHash(lines: readonly string[]): Promise<Bytes> {
  return hashOf("entrants", encoder.encode(lines.length === 0 ? "" : `${lines.join("\n")}\n`));
}

/** Unbiased random integers that follow from the seed and the entrants: SHA-256 in counter mode. */
export class Stream {
  private words: bigint[] = [];
  private block = 0n;

  private constructor(private readonly key: Bytes) {}

  static async of(seed: Bytes, entrants: Bytes): Promise<Stream> {
    return new Stream(await hashOf("key", seed, entrants));
  }

  /** Uniform in 0 … bound - 1, for bounds from 1 to 2^64: what is beyond the largest multiple is thrown away. */
  async below(bound: bigint): Promise<bigint> {
    const limit = WORD - (WORD % bound);
    for (;;) {
      const word = await this.word();
      if (word < limit) return word % bound;
    }
  }

  private async word(): Promise<bigint> {
    const ready = this.words.shift();
    if (ready !== undefined) return ready;
    const counter = new Uint8Array(8);
    new DataView(counter.buffer).setBigUint64(0, this.block++);
    const view = new DataView((await sha256(joined(this.key, counter))).buffer);
    this.words = Array.from({ length: WORDS_A_BLOCK }, (_, n) => view.getBigUint64(8 * n));
    return this.words.shift() ?? 0n;
  }
}

/** Who has the first `count` places, by index; each is drawn among those who have none yet, by their weights. */
export async function places(weights: Float64Array, seed: Bytes, entrants: Bytes, count: number): Promise<number[]> {
  const stream = await Stream.of(seed, entrants);
  const tree = new Tree(weights);
  const found: number[] = [];
  while (found.length < Math.min(count, weights.length)) {
    found.push(tree.take(Number(await stream.below(BigInt(tree.total)))));
  }
  return found;
}

/** Sums of weights by binary indexing (Fenwick 1994); all of them are integers below 2^53. */
class Tree {
  total: number;
  private readonly sums: Float64Array;
  private readonly top: number;

  constructor(private readonly weights: Float64Array) {
    const size = weights.length;
    this.sums = new Float64Array(size + 1);
    this.sums.set(weights, 1);
    this.total = 0;
    for (let at = 1; at <= size; at++) {
      this.total += weights[at - 1] ?? 0;
      const above = at + (at & -at);
      if (above <= size) this.sums[above] = (this.sums[above] ?? 0) + (this.sums[at] ?? 0);
    }
    this.top = size === 0 ? 0 : 2 ** Math.floor(Math.log2(size));
  }

  /** The index of the first whose weights up to its own exceed `point`; it is taken out. */
  take(point: number): number {
    let at = 0;
    for (let step = this.top; step >= 1; step /= 2) {
      const sum = at + step < this.sums.length ? (this.sums[at + step] ?? 0) : Infinity;
      if (sum <= point) {
        at += step;
        point -= sum;
      }
    }
    const weight = this.weights[at] ?? 0;
    for (let place = at + 1; place < this.sums.length; place += place & -place) {
      this.sums[place] = (this.sums[place] ?? 0) - weight;
    }
    this.total -= weight;
    return at;
  }
}
