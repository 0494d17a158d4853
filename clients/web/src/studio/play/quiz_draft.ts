/** Quizzes and polls as their forms have them, and what that means. Pure, but for what the browser keeps. */
import type { NewPoll, NewQuestion, NewQuiz, Poll } from "../../live/quiz_wire";
import { whole } from "../sale_draft";
import { EMPTY_PRIZE, prizeOf, type PrizeDraft } from "./lottery_draft";

export const SECONDS = [5, 10, 15, 20, 30, 60] as const;
export const PAUSES_S = [3, 5, 10, 20] as const;
export const POLL_S = [30, 60, 180, 300, 600] as const;
export const QUESTIONS_MAX = 50;
export const OPTIONS_MAX = 6;
export const POLL_OPTIONS_MAX = 10;
const KEPT = "danmart.quiz.draft";

export interface QuizDraft {
  title: string;
  questions: NewQuestion[];
  /** 0: by hand. */
  autoS: number;
  prizesFor: "none" | "top" | "shared";
  prizes: PrizeDraft[];
  pot: string;
}

export const EMPTY_QUESTION: NewQuestion = { text: "", options: ["", ""], right: 0, seconds: 15 };
export const EMPTY_QUIZ: QuizDraft = { title: "", questions: [EMPTY_QUESTION], autoS: 0, prizesFor: "none", prizes: [EMPTY_PRIZE], pot: "100" };

/** What is sent; null if something in the draft can't be. */
export function quizOfDraft({ title, questions, autoS, prizesFor, prizes, pot }: QuizDraft): NewQuiz | null {
  const asked = questions.map(questionOf);
  const promised = prizesOf(prizesFor, prizes, pot);
  const good = asked.flatMap((question) => question ?? []);
  if (title.trim() === "" || good.length === 0 || good.length < asked.length || promised === null) return null;
  return { title: title.trim(), questions: good, prizes: promised, prizes_for: prizesFor === "shared" ? "shared" : "top", ...(autoS ? { auto_s: autoS } : {}) };
}

function questionOf({ text, options, right, seconds }: NewQuestion): NewQuestion | null {
  const said = options.map((option) => option.trim());
  if (text.trim() === "" || said.includes("") || right >= said.length) return null;
  return { text: text.trim(), options: said, right, seconds };
}

function prizesOf(how: QuizDraft["prizesFor"], prizes: readonly PrizeDraft[], pot: string): NewQuiz["prizes"] | null {
  if (how === "none") return [];
  if (how === "shared") {
    const coins = whole(pot, 1, 1e7);
    return coins === null ? null : [{ kind: "coins", amount: coins, count: 1 }];
  }
  const good = prizes.flatMap((prize) => prizeOf(prize) ?? []);
  return good.length < prizes.length ? null : good;
}

/** The draft without one of a question's options; the right one stays the right one. */
export function withoutOption(question: NewQuestion, n: number): NewQuestion {
  const right = question.right === n ? 0 : question.right - (question.right > n ? 1 : 0);
  return { ...question, options: question.options.filter((_, at) => at !== n), right };
}

/** A quiz takes a while to prepare, so the browser keeps it until it has been started. */
export function keepDraft(draft: QuizDraft | null): void {
  if (draft === null) localStorage.removeItem(KEPT);
  else localStorage.setItem(KEPT, JSON.stringify(draft));
}

export function keptDraft(): QuizDraft {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT) ?? "null") as Partial<QuizDraft> | null;
    if (kept && Array.isArray(kept.questions) && kept.questions.length > 0) return { ...EMPTY_QUIZ, ...kept };
  } catch {
    // what can't be read is as good as nothing
  }
  return EMPTY_QUIZ;
}

export interface PollDraft {
  question: string;
  options: string[];
  multiple: number;
  changeable: boolean;
  /** 0: until somebody closes it. */
  seconds: number;
  showResults: Poll["show_results"];
}

export const EMPTY_POLL: PollDraft = { question: "", options: ["", ""], multiple: 1, changeable: false, seconds: 60, showResults: "live" };

/** What is sent; null if something in the draft can't be. */
export function pollOfDraft(draft: PollDraft): NewPoll | null {
  const options = draft.options.map((option) => option.trim());
  if (draft.question.trim() === "" || options.includes("")) return null;
  return {
    question: draft.question.trim(),
    options,
    multiple: Math.min(draft.multiple, options.length),
    changeable: draft.changeable,
    show_results: draft.showResults,
    ...(draft.seconds ? { seconds: draft.seconds } : {}),
  };
}
