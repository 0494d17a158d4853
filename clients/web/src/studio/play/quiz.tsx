/** The host's quizzes: the one that runs, with its answers as they come, and what happens next. */
import { useState } from "preact/hooks";

import { t } from "../../i18n";
import type { Question, Quiz } from "../../live/quiz_wire";
import type { Room } from "../../live/room";
import { Countdown } from "../../ui/countdown";
import { useCountdown, useTask } from "../../ui/hooks";
import { Confirm } from "../../ui/sheet";
import { toastError } from "../../ui/toasts";
import { Options } from "../../viewer/play/options";
import { Leaders, liveCounts, prizeLine } from "../../viewer/play/quiz";
import { QuizForm } from "./quiz_form";
import { PlaySection } from "./section";

export function QuizSection({ room }: { room: Room }) {
  const [adding, setAdding] = useState(false);
  const running = room.state.value.plays.filter(({ kind }) => kind === "quiz") as Quiz[];
  return (
    <PlaySection
      title={t("quiz.title")}
      none={t("quiz.none")}
      isEmpty={running.length === 0}
      add={{ label: t("quiz.new"), icon: "plus", isOff: running.length > 0, testId: "new-quiz", onClick: () => setAdding(true) }}
      data-testid="quiz-section"
    >
      <ul>
        {running.map((quiz) => (
          <Row key={quiz.id} room={room} quiz={quiz} />
        ))}
      </ul>
      {adding && <QuizForm room={room} onClose={() => setAdding(false)} />}
    </PlaySection>
  );
}

function Row({ room, quiz }: { room: Room; quiz: Quiz }) {
  const [ending, setEnding] = useState(false);
  const task = useTask();
  const act = (command: "quiz.ask" | "quiz.close" | "quiz.end") => {
    setEnding(false);
    void task.run(() => room.send(command, { quiz: quiz.id }).catch(toastError));
  };
  const { question } = quiz;
  const asked = quiz.state === "asked";
  return (
    <li class="coupon-row" data-testid="quiz-row" data-state={quiz.state}>
      <div class="shelf-text">
        <span class="product-name">
          <strong>{quiz.title}</strong>
        </span>
        <span class="small quiet">
          {question ? t("quiz.of", { n: question.number, total: quiz.total }) : t("quiz.soon", { n: quiz.total })}
          {quiz.prizes.length > 0 && ` · ${prizeLine(quiz)}`}
        </span>
      </div>
      {question && <Running room={room} quiz={quiz} question={question} />}
      {quiz.state === "closed" && <Leaders leaders={quiz.leaders.slice(0, 3)} />}
      <div class="shelf-tools">
        {asked ? (
          <button class="button primary little" disabled={task.busy} onClick={() => act("quiz.close")} data-testid="quiz-close">
            {t("quiz.close")}
          </button>
        ) : (
          (question?.number ?? 0) < quiz.total && (
            <button class="button primary little" disabled={task.busy} onClick={() => act("quiz.ask")} data-testid="quiz-ask">
              {t(question ? "quiz.ask" : "quiz.ask.first")}
            </button>
          )
        )}
        {!asked && (
          <button class="button outline little" disabled={task.busy} onClick={() => setEnding(true)} data-testid="quiz-end">
            {t("quiz.end")}
          </button>
        )}
      </div>
      {ending && <Confirm title={t("quiz.end")} text={t("quiz.end.text")} action={t("quiz.end")} onYes={() => act("quiz.end")} onClose={() => setEnding(false)} />}
    </li>
  );
}

function Running({ room, quiz, question }: { room: Room; quiz: Quiz; question: Question }) {
  const isClosed = question.right !== null;
  const left = useCountdown(isClosed ? null : question.ends_at_ms, room.now);
  const counts = question.counts ?? liveCounts(room, quiz, question);
  const answers = counts?.reduce((sum, count) => sum + count, 0) ?? 0;
  return (
    <div class="quiz-running">
      <div class="line">
        <strong>{question.text}</strong>
        {!isClosed && left !== 0 && (
          <span class="chip good">
            <Countdown untilMs={question.ends_at_ms} now={room.now} />
          </span>
        )}
      </div>
      <Options label={question.text} options={question.options} counts={counts} chosen={new Set()} right={question.right} onChoose={null} />
      <span class="small quiet" data-testid="quiz-answers" data-value={answers}>
        {!isClosed && left === 0 ? t("quiz.counting") : t("quiz.answers", { n: answers })}
      </span>
    </div>
  );
}
