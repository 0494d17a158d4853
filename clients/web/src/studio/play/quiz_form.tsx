/** The form of a quiz: its questions one below the other, so that it can be filled in on a phone. */
import { useEffect, useState } from "preact/hooks";

import { errorText } from "../../i18n/errors";
import { span } from "../../i18n/format";
import { t } from "../../i18n";
import { coupons as readCoupons } from "../../live/api";
import type { NewQuestion } from "../../live/quiz_wire";
import type { Room } from "../../live/room";
import type { Coupon } from "../../live/wire";
import { IconButton, Notice, Spinner } from "../../ui/basics";
import { useTask } from "../../ui/hooks";
import { Icon } from "../../ui/icon";
import { Sheet } from "../../ui/sheet";
import { toast, toastError } from "../../ui/toasts";
import { PrizeFields } from "./lottery";
import { EMPTY_PRIZE } from "./lottery_draft";
import { EMPTY_QUESTION, keepDraft, keptDraft, OPTIONS_MAX, PAUSES_S, QUESTIONS_MAX, quizOfDraft, SECONDS, withoutOption, type QuizDraft } from "./quiz_draft";

export function QuizForm({ room, onClose }: { room: Room; onClose: () => void }) {
  const [draft, setDraft] = useState<QuizDraft>(keptDraft);
  const task = useTask();
  const quiz = quizOfDraft(draft);
  const change = (some: Partial<QuizDraft>) => {
    const changed = { ...draft, ...some };
    setDraft(changed);
    keepDraft(changed);
  };
  const { questions } = draft;
  const submit = async () => {
    if (!quiz || !(await task.run(() => room.send("quiz.start", quiz)))) return;
    keepDraft(null);
    toast(t("quiz.started"));
    onClose();
  };
  return (
    <Sheet title={t("quiz.new")} onClose={onClose} data-testid="quiz-form">
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <label class="field">
          <span class="label">{t("quiz.name")}</span>
          <input class="input" required maxLength={60} value={draft.title} onInput={(event) => change({ title: event.currentTarget.value })} data-testid="quiz-title" />
        </label>
        {questions.map((question, n) => (
          <QuestionFields
            key={n}
            number={n + 1}
            question={question}
            onChange={(changed) => change({ questions: questions.map((each, at) => (at === n ? changed : each)) })}
            onRemove={questions.length > 1 ? () => change({ questions: questions.filter((_, at) => at !== n) }) : null}
          />
        ))}
        {questions.length < QUESTIONS_MAX && (
          <button type="button" class="button outline little" onClick={() => change({ questions: [...questions, EMPTY_QUESTION] })} data-testid="quiz-question-more">
            <Icon name="plus" size={16} />
            {t("quiz.question.more")}
          </button>
        )}
        <label class="field">
          <span class="label">{t("quiz.auto")}</span>
          <select class="input" value={draft.autoS} onChange={(event) => change({ autoS: Number(event.currentTarget.value) })} data-testid="quiz-auto">
            <option value={0}>{t("quiz.auto.by_hand")}</option>
            {PAUSES_S.map((seconds) => (
              <option key={seconds} value={seconds}>
                {t("quiz.auto.after", { span: span(seconds * 1000) })}
              </option>
            ))}
          </select>
        </label>
        <Prizes room={room} draft={draft} onChange={change} />
        {task.refusal && (
          <Notice tone="bad" icon="warn" data-testid="quiz-form-error">
            {errorText(task.refusal)}
          </Notice>
        )}
        <button class="button primary wide" disabled={quiz === null || task.busy} data-testid="quiz-start">
          {task.busy && <Spinner />}
          {t("quiz.start")}
        </button>
      </form>
    </Sheet>
  );
}

interface QuestionFieldsProps {
  number: number;
  question: NewQuestion;
  onChange: (question: NewQuestion) => void;
  onRemove: (() => void) | null;
}

function QuestionFields({ number, question, onChange, onRemove }: QuestionFieldsProps) {
  const { options } = question;
  const label = t("quiz.question", { n: number });
  return (
    <fieldset class="quiz-draft" data-testid="quiz-draft">
      <legend class="unseen">{label}</legend>
      <div class="line">
        <span class="label" aria-hidden="true">
          {label}
        </span>
        {onRemove && <IconButton icon="trash" little label={t("quiz.question.less")} onClick={onRemove} />}
      </div>
      <input class="input" aria-label={label} maxLength={200} value={question.text} onInput={(event) => onChange({ ...question, text: event.currentTarget.value })} data-testid="quiz-draft-text" />
      {options.map((option, n) => (
        <div key={n} class="quiz-draft-option">
          <input
            type="radio"
            name={`right-${number}`}
            checked={question.right === n}
            onChange={() => onChange({ ...question, right: n })}
            aria-label={t("quiz.option.is_right", { n: n + 1 })}
            title={t("quiz.option.is_right", { n: n + 1 })}
            data-testid="quiz-draft-right"
          />
          <input
            class="input"
            aria-label={t("quiz.option", { n: n + 1 })}
            placeholder={t("quiz.option", { n: n + 1 })}
            maxLength={60}
            value={option}
            onInput={(event) => onChange({ ...question, options: options.map((each, at) => (at === n ? event.currentTarget.value : each)) })}
            data-testid="quiz-draft-option"
          />
          {options.length > 2 && <IconButton icon="close" little label={t("quiz.option.less", { n: n + 1 })} onClick={() => onChange(withoutOption(question, n))} />}
        </div>
      ))}
      <div class="line">
        {options.length < OPTIONS_MAX ? (
          <button type="button" class="button outline little" onClick={() => onChange({ ...question, options: [...options, ""] })}>
            <Icon name="plus" size={16} />
            {t("quiz.option.more")}
          </button>
        ) : (
          <span />
        )}
        <select class="input little" aria-label={t("quiz.seconds")} value={question.seconds} onChange={(event) => onChange({ ...question, seconds: Number(event.currentTarget.value) })} data-testid="quiz-draft-seconds">
          {SECONDS.map((seconds) => (
            <option key={seconds} value={seconds}>
              {span(seconds * 1000)}
            </option>
          ))}
        </select>
      </div>
    </fieldset>
  );
}

function Prizes({ room, draft, onChange }: { room: Room; draft: QuizDraft; onChange: (some: Partial<QuizDraft>) => void }) {
  const [coupons, setCoupons] = useState<readonly Coupon[]>([]);
  const { prizes, prizesFor } = draft;
  const isTop = prizesFor === "top";
  useEffect(() => {
    if (!isTop) return;
    readCoupons(room.id, room.token)
      .then(({ items }) => setCoupons(items))
      .catch(toastError);
  }, [room, isTop]);
  return (
    <>
      <label class="field">
        <span class="label">{t("quiz.prizes.label")}</span>
        <select class="input" value={prizesFor} onChange={(event) => onChange({ prizesFor: event.currentTarget.value as QuizDraft["prizesFor"] })} data-testid="quiz-prizes">
          <option value="none">{t("quiz.prizes.none")}</option>
          <option value="top">{t("quiz.prizes.top")}</option>
          <option value="shared">{t("quiz.prizes.pot")}</option>
        </select>
      </label>
      {prizesFor === "shared" && (
        <label class="field">
          <span class="label">{t("quiz.pot")}</span>
          <input class="input numbers" inputMode="numeric" value={draft.pot} onInput={(event) => onChange({ pot: event.currentTarget.value })} data-testid="quiz-pot" />
        </label>
      )}
      {isTop &&
        prizes.map((prize, n) => (
          <PrizeFields
            key={n}
            room={room}
            coupons={coupons}
            prize={prize}
            onChange={(some) => onChange({ prizes: prizes.map((each, at) => (at === n ? { ...each, ...some } : each)) })}
            onRemove={prizes.length > 1 ? () => onChange({ prizes: prizes.filter((_, at) => at !== n) }) : null}
          />
        ))}
      {isTop && prizes.length < 10 && (
        <button type="button" class="button outline little" onClick={() => onChange({ prizes: [...prizes, EMPTY_PRIZE] })}>
          <Icon name="plus" size={16} />
          {t("lottery.prize.more")}
        </button>
      )}
    </>
  );
}
