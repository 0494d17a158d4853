/** What travels about quizzes and polls: docs/protocol.md as types. */
import type { Prize } from "./lottery_wire";
import type { Order, Person, Play } from "./wire";

/** Numbered from 1; its options from 0. `right` and `counts` are null until it is closed. */
export interface Question {
  number: number;
  text: string;
  options: string[];
  seconds: number;
  asked_at_ms: number;
  ends_at_ms: number;
  right: number | null;
  counts: number[] | null;
}

export interface Leader {
  user: Person;
  points: number;
  rights: number;
  taken_ms: number;
}

/** A quiz as everybody sees it; `question` is the one that was asked last. */
export interface Quiz extends Play {
  kind: "quiz";
  title: string;
  state: "open" | "asked" | "closed";
  total: number;
  auto_s: number | null;
  prizes: Prize[];
  prizes_for: "top" | "shared";
  question: Question | null;
  players: number;
  leaders: Leader[];
}

/** One's own part in a quiz. */
export interface OwnPart {
  answers: { question: number; option: number; right: boolean | null; points: number | null }[];
  points: number;
  rights: number;
  place: number | null;
  players: number;
}

/** A prize that one got by a place in a quiz. */
export interface QuizWon {
  quiz: string;
  title: string;
  place: number;
  points: number;
  prize: Prize;
  given: { coins?: number; coupon?: string; order?: Order };
}

export interface Poll extends Play {
  kind: "poll";
  question: string;
  options: string[];
  /** How many options one may choose. */
  multiple: number;
  changeable: boolean;
  show_results: "live" | "after";
  state: "open" | "closed";
  ends_at_ms: number | null;
  voters: number | null;
  counts: number[] | null;
}

export interface NewQuestion {
  text: string;
  options: string[];
  right: number;
  seconds: number;
}

export interface NewQuiz {
  title: string;
  questions: NewQuestion[];
  auto_s?: number;
  prizes: { kind: Prize["kind"]; ref?: string; amount: number; count: number }[];
  prizes_for: Quiz["prizes_for"];
}

export interface NewPoll {
  question: string;
  options: string[];
  multiple: number;
  changeable: boolean;
  seconds?: number;
  show_results: Poll["show_results"];
}

type OfQuiz = { room: string; quiz: string };
type OfPoll = { room: string; poll: string };

declare module "./wire" {
  interface Commands {
    "quiz.start": [NewQuiz & { room: string }, { quiz: Quiz }];
    "quiz.ask": [OfQuiz, { quiz: Quiz }];
    "quiz.answer": [OfQuiz & { question: number; option: number }, { answer: { question: number; option: number } }];
    "quiz.close": [OfQuiz, { quiz: Quiz }];
    "quiz.end": [OfQuiz, { quiz: Quiz }];
    "quiz.check": [OfQuiz, OwnPart];
    "poll.start": [NewPoll & { room: string }, { poll: Poll }];
    "poll.vote": [OfPoll & { options: number[] }, { vote: { options: number[] } }];
    "poll.close": [OfPoll, { poll: Poll }];
    "poll.check": [OfPoll, { options: number[]; voters: number; counts: number[] | null }];
  }
}

/** The counts of a play's options that a signal told, in the order of the options. */
export function countsOf(told: Readonly<Record<string, number>> | undefined, options: readonly string[]): number[] | null {
  if (!told || told["0"] === undefined) return null;
  return options.map((_, n) => told[String(n)] ?? 0);
}
