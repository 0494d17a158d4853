import { describe, expect, it } from "vitest";

import { countsOf } from "../src/live/quiz_wire";
import { EMPTY_POLL, EMPTY_QUIZ, pollOfDraft, quizOfDraft, withoutOption, type PollDraft, type QuizDraft } from "../src/studio/play/quiz_draft";

const question = { text: " Which? ", options: ["a ", " b"], right: 1, seconds: 15 };
const quiz = (some: Partial<QuizDraft> = {}): QuizDraft => ({ ...EMPTY_QUIZ, title: " Tea ", questions: [question], ...some });
const poll = (some: Partial<PollDraft> = {}): PollDraft => ({ ...EMPTY_POLL, question: "Which?", options: ["a", "b"], ...some });

describe("a quiz's form", () => {
  it("sends what was filled in", () => {
    expect(quizOfDraft(quiz())).toEqual({
      title: "Tea",
      questions: [{ text: "Which?", options: ["a", "b"], right: 1, seconds: 15 }],
      prizes: [],
      prizes_for: "top",
    });
    expect(quizOfDraft(quiz({ autoS: 5, prizesFor: "shared", pot: "300" }))).toMatchObject({
      auto_s: 5,
      prizes: [{ kind: "coins", amount: 300, count: 1 }],
      prizes_for: "shared",
    });
  });

  it.each([
    { title: " " },
    { questions: [] },
    { questions: [question, { ...question, text: " " }] },
    { questions: [{ ...question, options: ["a", " "] }] },
    { prizesFor: "shared" as const, pot: "0" },
    { prizesFor: "top" as const, prizes: [{ kind: "product" as const, ref: "", amount: "1", count: "1" }] },
  ])("can't be sent with %o", (some) => {
    expect(quizOfDraft(quiz(some))).toBeNull();
  });

  it("keeps what is right when another option goes", () => {
    const three = { ...question, options: ["a", "b", "c"], right: 1 };
    expect(withoutOption(three, 0)).toMatchObject({ options: ["b", "c"], right: 0 });
    expect(withoutOption(three, 2)).toMatchObject({ options: ["a", "b"], right: 1 });
    expect(withoutOption(three, 1)).toMatchObject({ options: ["a", "c"], right: 0 });
  });
});

describe("a poll's form", () => {
  it("sends what was filled in, and no more choices than there are options", () => {
    expect(pollOfDraft(poll({ multiple: 4, seconds: 0 }))).toEqual({
      question: "Which?",
      options: ["a", "b"],
      multiple: 2,
      changeable: false,
      show_results: "live",
    });
    expect(pollOfDraft(poll({ options: ["a", ""] }))).toBeNull();
  });
});

it("reads counts in the order of the options, where they are told", () => {
  expect(countsOf({ "0": 3, "1": 0, voters: 3 }, ["a", "b"])).toEqual([3, 0]);
  expect(countsOf({ voters: 3 }, ["a", "b"])).toBeNull();
  expect(countsOf(undefined, ["a", "b"])).toBeNull();
});
