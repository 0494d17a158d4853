/** Gifts as one page sees them: what was given, one line a combo, and who is told of it. */
import { signal } from "@preact/signals";

import type { LiveEvent, Person } from "./wire";

export interface Gift {
  id: string;
  names: Record<string, string>;
  picture: string;
  price: number;
  tier: "small" | "medium" | "large";
  effect: "none" | "float" | "shower" | "firework" | "parade";
}

export interface GiftData {
  gift: Gift;
  count: number;
  coins: number;
  combo: { id: string; count: number; coins: number };
  banner: boolean;
}

export interface FanLevel {
  level: number;
  points: number;
  /** Where the next level begins. */
  next: number;
}

export type Span = "stream" | "week" | "all";

export interface Place {
  place: number;
  user: Person;
  coins: number;
}

export interface Board {
  span: Span;
  items: Place[];
  you: Place | null;
  fan: FanLevel | null;
}

/** What a host sees of a gift. */
export interface Given {
  id: string;
  user: Person;
  gift: string;
  count: number;
  coins: number;
  earned: number;
  combo: string;
  at_ms: number;
  refunded_at_ms: number | null;
}

export interface GiftCommands {
  gift: [{ room: string; gift: string; count: number }, { event: LiveEvent; coins: number; fan: FanLevel }];
}

export const COMBO_MS = 5_000;
/** What is older isn't played any more: it was missed while the page was away. */
const FRESH_MS = 8_000;
const REFUNDED_KEPT = 500;

export function giftOf(event: LiveEvent): GiftData {
  return event.data as unknown as GiftData;
}

/** A gift's name for a reader: in their language, in English, or in any. */
export function giftName(gift: Pick<Gift, "names">, lang: string): string {
  return gift.names[lang] ?? gift.names.en ?? Object.values(gift.names)[0] ?? "";
}

/** One line a combo, the latest event standing for all of it; repeats and older ones change nothing. */
export function withGift(lines: readonly LiveEvent[], event: LiveEvent, kept: number): readonly LiveEvent[] {
  const combo = giftOf(event).combo.id;
  const at = lines.findIndex((line) => giftOf(line).combo.id === combo);
  if (at >= 0 && (lines[at]?.offset ?? 0) >= event.offset) return lines;
  const others = at < 0 ? lines : lines.filter((_, index) => index !== at);
  const all = [...others, event];
  if ((others.at(-1)?.offset ?? 0) > event.offset) all.sort((a, b) => a.offset - b.offset);
  return all.slice(-kept);
}

/** What a refund leaves of a combo's line; the line goes when nothing is left. */
export function withoutGift(
  lines: readonly LiveEvent[],
  gone: { combo: string; count: number; coins: number },
): readonly LiveEvent[] {
  return lines.flatMap((line) => {
    const data = giftOf(line);
    if (data.combo.id !== gone.combo) return [line];
    const combo = { ...data.combo, count: data.combo.count - gone.count, coins: data.combo.coins - gone.coins };
    return combo.count > 0 ? [{ ...line, data: { ...data, combo } }] : [];
  });
}

export class GiftSide {
  /** In the order of the log, a line a combo. */
  readonly lines = signal<readonly LiveEvent[]>([]);
  /** Counts what has changed, for lists that are read anew. */
  readonly changes = signal(0);
  /** Called with each gift that is new to this page and was given just now. */
  onGift: ((event: LiveEvent) => void) | null = null;
  private readonly refunded = new Set<string>();

  constructor(
    private readonly now: () => number,
    private readonly kept = 100,
  ) {}

  take(event: LiveEvent): void {
    if (event.kind === "gift.refunded") this.takeBack(event);
    if (event.kind !== "gift" || this.refunded.has(event.id)) return;
    const before = this.lines.value;
    this.lines.value = withGift(before, event, this.kept);
    if (this.lines.value === before) return;
    this.changes.value += 1;
    if (this.now() - event.at_ms < FRESH_MS) this.onGift?.(event);
  }

  /** Begins anew with these events, of which nobody is told. */
  restart(events: readonly LiveEvent[]): void {
    const told = this.onGift;
    this.onGift = null;
    this.refunded.clear();
    this.lines.value = [];
    for (const event of events) this.take(event);
    this.onGift = told;
  }

  private takeBack(event: LiveEvent): void {
    const gone = event.data as unknown as { id: string; combo: string; count: number; coins: number };
    if (this.refunded.has(gone.id)) return;
    if (this.refunded.size >= REFUNDED_KEPT) this.refunded.clear();
    this.refunded.add(gone.id);
    this.lines.value = withoutGift(this.lines.value, gone);
    this.changes.value += 1;
  }
}
