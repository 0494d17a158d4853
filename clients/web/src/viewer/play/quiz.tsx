/** A quiz over the picture: the question with its countdown, the options as buttons, then what was right. */
import { useCallback, useEffect, useState } from "preact/hooks";

import { errorText } from "../../i18n/errors";
import { prizesText } from "../../i18n/lottery";
import { t } from "../../i18n";
import { countsOf, type Leader, type OwnPart, type Question, type Quiz } from "../../live/quiz_wire";
import type { Room } from "../../live/room";
import { IconButton } from "../../ui/basics";
import { Countdown } from "../../ui/countdown";
import { useCountdown, useTask } from "../../ui/hooks";
import { Icon } from "../../ui/icon";
import { Sheet } from "../../ui/sheet";
import { Options } from "./options";
import type { PlayProps } from "./plays";
import "./quiz.css";

export function QuizCard({ room, play, front, onFold }: PlayProps) {
  const quiz = play as Quiz;
  const [ranking, setRanking] = useState(false);
  const [part, chosen, setChosen] = useOwnPart(room, quiz);
  const { question } = quiz;
  return (
    <>
      <section class="quiz-card" hidden={!front} aria-label={t("quiz.one")} data-testid="quiz-card" data-state={quiz.state}>
        <header>
          <Icon name="bolt" size={20} />
          <div class="quiz-head">
            <strong class="ellipsis">{quiz.title}</strong>
            <span class="small ellipsis">{question ? t("quiz.of", { n: question.number, total: quiz.total }) : t("quiz.soon", { n: quiz.total })}</span>
          </div>
          {quiz.state === "asked" && question && <Countdown untilMs={question.ends_at_ms} now={room.now} data-testid="quiz-countdown" />}
          {quiz.state === "closed" && (
            <button class="button outline little" onClick={() => setRanking(true)} data-testid="quiz-ranking">
              {t("quiz.leaders")}
            </button>
          )}
          {onFold && <IconButton icon="close" little label={t("play.fold")} onClick={onFold} />}
        </header>
        {question && <Asked room={room} quiz={quiz} question={question} part={part} chosen={chosen} onChosen={setChosen} />}
        {!question && quiz.prizes.length > 0 && <p class="small">{prizeLine(quiz)}</p>}
      </section>
      {ranking && (
        <Sheet title={t("quiz.leaders")} onClose={() => setRanking(false)} data-testid="quiz-leaders">
          <Leaders leaders={quiz.leaders} me={room.you.user.value?.id} />
        </Sheet>
      )}
    </>
  );
}

/** What one gets, and how. */
export function prizeLine({ prizes, prizes_for }: Quiz): string {
  const shown = prizesText(prizes);
  if (prizes_for === "top") return t("quiz.prizes", { prizes: shown });
  return t("quiz.prizes.shared", { prizes: t("lottery.coins", { n: prizes[0]?.amount ?? 0 }) });
}

interface AskedProps {
  room: Room;
  quiz: Quiz;
  question: Question;
  part: OwnPart | null;
  /** The option that this viewer chose. */
  chosen: number | null;
  onChosen: (option: number) => void;
}

function Asked({ room, quiz, question, part, chosen, onChosen }: AskedProps) {
  const task = useTask();
  const over = useOver(room, question);
  const open = !over && chosen === null && !task.busy && room.can("play") && !room.can("run_play");
  // Who hasn't answered yet isn't shown what others think.
  const counts = question.counts ?? (chosen !== null || over ? liveCounts(room, quiz, question) : null);
  const answer = (option: number) =>
    void task.run(async () => {
      await room.send("quiz.answer", { quiz: quiz.id, question: question.number, option });
      onChosen(option);
    });
  return (
    <>
      {!over && <TimeBar key={question.number} question={question} now={room.now} />}
      <p class="quiz-question" data-testid="quiz-question">
        {question.text}
      </p>
      <Options label={question.text} options={question.options} counts={counts} chosen={new Set(chosen === null ? [] : [chosen])} right={question.right} onChoose={open ? answer : null} />
      <p class="small quiz-said" role="status" data-testid="quiz-said">
        {task.refusal ? errorText(task.refusal) : saying(room, question, chosen, over, part)}
      </p>
    </>
  );
}

/** By the clock: from the end of the countdown on nobody answers, whether or not the closing has been heard. */
function useOver(room: Room, { right, ends_at_ms }: Question): boolean {
  useCountdown(right === null ? ends_at_ms : null, room.now);
  return right !== null || room.now() >= ends_at_ms;
}

/** The counts of the open question as the last signal told them. */
export function liveCounts(room: Room, quiz: Quiz, question: Question): number[] | null {
  const told = room.counts.value[quiz.id];
  return told?.question === question.number ? countsOf(told, question.options) : null;
}

function saying(room: Room, question: Question, chosen: number | null, over: boolean, part: OwnPart | null): string {
  if (question.right !== null) return [verdict(room, question, chosen, part), standing(part)].filter(Boolean).join(" · ");
  if (over) return t("quiz.counting");
  if (chosen !== null) return t("quiz.answered");
  return room.you.user.value === null ? t("quiz.sign_in") : "";
}

function verdict(room: Room, question: Question, chosen: number | null, part: OwnPart | null): string {
  if (chosen === null) return room.can("run_play") ? "" : t("quiz.missed");
  if (chosen !== question.right) return t("quiz.wrong");
  const judged = part?.answers.find((answer) => answer.question === question.number);
  return t("quiz.right", { n: judged?.points ?? "" });
}

function standing(part: OwnPart | null): string {
  if (!part || part.place === null) return "";
  return `${t("quiz.points", { n: part.points })} · ${t("quiz.place", { n: part.place, players: part.players })}`;
}

/** How much of the time is left, as a bar that the browser moves by itself. */
function TimeBar({ question, now }: { question: Question; now: () => number }) {
  const [gone] = useState(() => Math.max(0, now() - question.asked_at_ms));
  return (
    <div class="quiz-time" aria-hidden="true">
      <span style={{ animationDuration: `${question.seconds}s`, animationDelay: `-${gone}ms` }} />
    </div>
  );
}

export function Leaders({ leaders, me }: { leaders: readonly Leader[]; me?: string | undefined }) {
  if (leaders.length === 0) return <p class="quiet">{t("quiz.nobody")}</p>;
  return (
    <ol class="quiz-leaders">
      {leaders.map(({ user, points }, n) => (
        <li key={user.id} class={user.id === me ? "me" : ""}>
          <span class="numbers">{n + 1}</span>
          <span class="ellipsis">{user.name}</span>
          <span class="numbers">{t("quiz.points", { n: points })}</span>
        </li>
      ))}
    </ol>
  );
}

/**
 * The viewer's own part, and what they chose of the question that was asked last. It is asked for when the page
 * comes upon the quiz, and again when a question closes: then there are points and a place.
 */
function useOwnPart(room: Room, quiz: Quiz): [OwnPart | null, number | null, (option: number) => void] {
  const [part, setPart] = useState<OwnPart | null>(null);
  const [mine, setMine] = useState<{ question: number; option: number } | null>(null);
  const number = quiz.question?.number ?? 0;
  const plays = room.you.user.value !== null;
  const closed = quiz.state === "closed" ? number : 0;
  const look = useCallback(async () => {
    if (plays) setPart(await room.checkQuiz(quiz.id));
  }, [room, quiz.id, plays]);
  useEffect(() => {
    look().catch(() => undefined); // the bars and the right option are there without it
  }, [look, closed]);
  const known = part?.answers.find((answer) => answer.question === number)?.option;
  const chosen = mine?.question === number ? mine.option : (known ?? null);
  return [part, chosen, (option) => setMine({ question: number, option })];
}
