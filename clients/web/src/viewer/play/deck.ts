/** Which of the plays lies open: one at a time, or a few of them would hide the picture. */
import type { Question } from "../../live/quiz_wire";
import type { Play } from "../../live/wire";

/** The id of the play that lies open, if any, and what was news of each when that was decided. */
export interface Deck {
  readonly front: string | null;
  /** Those with news that haven't lain open since. */
  readonly unseen: ReadonlySet<string>;
  readonly news: ReadonlyMap<string, string>;
}

export const EMPTY_DECK: Deck = { front: null, unseen: new Set(), news: new Map() };

/**
 * The deck once these plays, the latest first, are on. What is new or has turned (a question, a result) comes to
 * the front, but nothing pushes away a question whose time runs. When the front one is gone none lies open, so that
 * nobody is shown again what they had put aside. Gives the same deck if nothing has changed.
 */
export function deal(deck: Deck, plays: readonly Play[]): Deck {
  const news = new Map(plays.map((play) => [play.id, newsOf(play)]));
  const turned = plays.filter(({ id }) => deck.news.get(id) !== news.get(id));
  if (turned.length === 0 && news.size === deck.news.size) return deck;
  const kept = plays.some(({ id }) => id === deck.front) ? deck.front : null;
  const next = turned.find(isAsked) ?? (plays.some((play) => play.id === kept && isAsked(play)) ? undefined : turned[0]);
  return seen({ front: next?.id ?? kept, unseen: new Set([...deck.unseen, ...turned.map(({ id }) => id)]), news });
}

/** The deck after a tap on one: it opens, or folds if it lay open. */
export function turn(deck: Deck, id: string): Deck {
  return seen({ ...deck, front: deck.front === id ? null : id });
}

function seen(deck: Deck): Deck {
  return { ...deck, unseen: new Set([...deck.unseen].filter((id) => id !== deck.front && deck.news.has(id))) };
}

function isAsked(play: Play): boolean {
  return play.kind === "quiz" && stateOf(play).state === "asked";
}

function newsOf(play: Play): string {
  const { state, question } = stateOf(play);
  return `${state ?? ""} ${question?.number ?? 0}`;
}

function stateOf(play: Play): { state?: string; question?: Question | null } {
  return play as Play & { state?: string; question?: Question | null };
}
