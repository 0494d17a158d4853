/** The host's polls: those that run, with their bars, and a form for the next. */
import { useState } from "preact/hooks";

import { errorText } from "../../i18n/errors";
import { span } from "../../i18n/format";
import { t } from "../../i18n";
import type { Poll } from "../../live/quiz_wire";
import type { Room } from "../../live/room";
import { IconButton, Notice, Spinner } from "../../ui/basics";
import { Countdown } from "../../ui/countdown";
import { useTask } from "../../ui/hooks";
import { Icon } from "../../ui/icon";
import { Sheet } from "../../ui/sheet";
import { toast, toastError } from "../../ui/toasts";
import { Options } from "../../viewer/play/options";
import { results } from "../../viewer/play/poll";
import { EMPTY_POLL, POLL_OPTIONS_MAX, POLL_S, pollOfDraft, type PollDraft } from "./quiz_draft";
import { PlaySection } from "./section";

export function PollSection({ room }: { room: Room }) {
  const [adding, setAdding] = useState(false);
  const running = room.state.value.plays.filter(({ kind }) => kind === "poll") as Poll[];
  return (
    <PlaySection
      title={t("poll.title")}
      none={t("poll.none")}
      isEmpty={running.length === 0}
      add={{ label: t("poll.new"), icon: "plus", testId: "new-poll", onClick: () => setAdding(true) }}
      data-testid="poll-section"
    >
      <ul>
        {running.map((poll) => (
          <Row key={poll.id} room={room} poll={poll} />
        ))}
      </ul>
      {adding && <PollForm room={room} onClose={() => setAdding(false)} />}
    </PlaySection>
  );
}

function Row({ room, poll }: { room: Room; poll: Poll }) {
  const task = useTask();
  const { counts, voters } = results(room, poll);
  return (
    <li class="coupon-row" data-testid="poll-row" data-state={poll.state}>
      <div class="quiz-running">
        <div class="line">
          <strong>{poll.question}</strong>
          {poll.state === "open" && poll.ends_at_ms !== null && (
            <span class="chip good">
              <Countdown untilMs={poll.ends_at_ms} now={room.now} />
            </span>
          )}
        </div>
        <Options label={poll.question} options={poll.options} counts={counts} whole={voters} chosen={new Set()} onChoose={null} />
        <span class="small quiet" data-testid="poll-voters" data-value={voters}>
          {t("poll.voters", { n: voters })}
        </span>
      </div>
      <div class="shelf-tools">
        <button class="button outline little" disabled={task.busy} onClick={() => void task.run(() => room.send("poll.close", { poll: poll.id }).catch(toastError))} data-testid="poll-close">
          {t(poll.state === "open" ? "poll.close" : "poll.hide")}
        </button>
      </div>
    </li>
  );
}

function PollForm({ room, onClose }: { room: Room; onClose: () => void }) {
  const [draft, setDraft] = useState<PollDraft>(EMPTY_POLL);
  const task = useTask();
  const poll = pollOfDraft(draft);
  const change = (some: Partial<PollDraft>) => setDraft({ ...draft, ...some });
  const submit = async () => {
    if (!poll || !(await task.run(() => room.send("poll.start", poll)))) return;
    toast(t("poll.started"));
    onClose();
  };
  return (
    <Sheet title={t("poll.new")} onClose={onClose} data-testid="poll-form">
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <label class="field">
          <span class="label">{t("poll.question")}</span>
          <input class="input" required maxLength={200} value={draft.question} onInput={(event) => change({ question: event.currentTarget.value })} data-testid="poll-draft-question" />
        </label>
        <OptionFields draft={draft} onChange={change} />
        <TermFields draft={draft} onChange={change} />
        {task.refusal && (
          <Notice tone="bad" icon="warn" data-testid="poll-form-error">
            {errorText(task.refusal)}
          </Notice>
        )}
        <button class="button primary wide" disabled={poll === null || task.busy} data-testid="poll-start">
          {task.busy && <Spinner />}
          {t("poll.start")}
        </button>
      </form>
    </Sheet>
  );
}

interface PartProps {
  draft: PollDraft;
  onChange: (change: Partial<PollDraft>) => void;
}

function OptionFields({ draft: { options }, onChange }: PartProps) {
  return (
    <>
      {options.map((option, n) => (
        <div key={n} class="quiz-draft-option">
          <input
            class="input"
            aria-label={t("quiz.option", { n: n + 1 })}
            placeholder={t("quiz.option", { n: n + 1 })}
            maxLength={60}
            value={option}
            onInput={(event) => onChange({ options: options.map((each, at) => (at === n ? event.currentTarget.value : each)) })}
            data-testid="poll-draft-option"
          />
          {options.length > 2 && <IconButton icon="close" little label={t("quiz.option.less", { n: n + 1 })} onClick={() => onChange({ options: options.filter((_, at) => at !== n) })} />}
        </div>
      ))}
      {options.length < POLL_OPTIONS_MAX && (
        <button type="button" class="button outline little" onClick={() => onChange({ options: [...options, ""] })} data-testid="poll-option-more">
          <Icon name="plus" size={16} />
          {t("quiz.option.more")}
        </button>
      )}
    </>
  );
}

function TermFields({ draft, onChange }: PartProps) {
  return (
    <>
      <div class="field-row">
        <label class="field">
          <span class="label">{t("poll.multiple")}</span>
          <select class="input" value={draft.multiple} onChange={(event) => onChange({ multiple: Number(event.currentTarget.value) })} data-testid="poll-multiple">
            {draft.options.map((_, n) => (
              <option key={n} value={n + 1}>
                {n + 1}
              </option>
            ))}
          </select>
        </label>
        <label class="field">
          <span class="label">{t("poll.seconds")}</span>
          <select class="input" value={draft.seconds} onChange={(event) => onChange({ seconds: Number(event.currentTarget.value) })}>
            {POLL_S.map((seconds) => (
              <option key={seconds} value={seconds}>
                {span(seconds * 1000)}
              </option>
            ))}
            <option value={0}>{t("poll.seconds.open")}</option>
          </select>
        </label>
        <label class="field">
          <span class="label">{t("poll.results")}</span>
          <select class="input" value={draft.showResults} onChange={(event) => onChange({ showResults: event.currentTarget.value as PollDraft["showResults"] })}>
            <option value="live">{t("poll.results.live")}</option>
            <option value="after">{t("poll.results.after")}</option>
          </select>
        </label>
      </div>
      <label class="check">
        <input type="checkbox" checked={draft.changeable} onChange={(event) => onChange({ changeable: event.currentTarget.checked })} data-testid="poll-changeable" />
        {t("poll.changeable")}
      </label>
    </>
  );
}
