/** A poll over the picture: choose, vote, and see the bars. */
import { useEffect, useState } from "preact/hooks";

import { errorText } from "../../i18n/errors";
import { t } from "../../i18n";
import { countsOf, type Poll } from "../../live/quiz_wire";
import type { Room } from "../../live/room";
import { IconButton } from "../../ui/basics";
import { Countdown } from "../../ui/countdown";
import { useCountdown, useTask } from "../../ui/hooks";
import { Icon } from "../../ui/icon";
import { Options } from "./options";
import type { PlayProps } from "./plays";
import "./quiz.css";

export function PollCard({ room, play, front, onFold }: PlayProps) {
  const poll = play as Poll;
  useCountdown(poll.state === "open" ? poll.ends_at_ms : null, room.now);
  const open = poll.state === "open" && (poll.ends_at_ms === null || room.now() < poll.ends_at_ms);
  return (
    <section class="quiz-card" hidden={!front} aria-label={t("poll.one")} data-testid="poll-card" data-state={open ? "open" : "closed"}>
      <header>
        <Icon name="talk" size={20} />
        <div class="quiz-head">
          <strong data-testid="poll-question">{poll.question}</strong>
        </div>
        {open && poll.ends_at_ms !== null && <Countdown untilMs={poll.ends_at_ms} now={room.now} />}
        {onFold && <IconButton icon="close" little label={t("play.fold")} onClick={onFold} />}
      </header>
      <Ballot room={room} poll={poll} open={open} />
    </section>
  );
}

function Ballot({ room, poll, open }: { room: Room; poll: Poll; open: boolean }) {
  const task = useTask();
  const [voted, setVoted] = useVote(room, poll);
  const [draft, setDraft] = useState<readonly number[] | null>(null);
  const { counts, voters } = results(room, poll);
  const { choosing, changing } = stage(room, poll, open, voted, draft);
  const choices = choosing ? (draft ?? []) : voted;
  const send = (options: readonly number[]) =>
    void task.run(async () => {
      setVoted((await room.send("poll.vote", { poll: poll.id, options: [...options] })).vote.options);
      setDraft(null);
    });
  const choose = (option: number) => {
    if (poll.multiple === 1) send([option]);
    else setDraft(choices.includes(option) ? choices.filter((each) => each !== option) : [...choices, option].slice(-poll.multiple));
  };
  return (
    <>
      <Options label={poll.question} options={poll.options} counts={choosing ? null : counts} whole={voters} chosen={new Set(choices)} onChoose={choosing && !task.busy ? choose : null} />
      <div class="quiz-foot">
        <p class="small quiz-said" role="status" data-testid="poll-said">
          {task.refusal ? errorText(task.refusal) : saying(room, poll, open, voted, choosing, voters)}
        </p>
        {choosing && poll.multiple > 1 && (
          <button class="button primary little" disabled={choices.length === 0 || task.busy} onClick={() => send(choices)} data-testid="poll-vote">
            {t("poll.vote")}
          </button>
        )}
        {changing && (
          <button class="button outline little" onClick={() => setDraft(voted)} data-testid="poll-change">
            {t("poll.change")}
          </button>
        )}
      </div>
    </>
  );
}

/** Whether the viewer is choosing now, or might change their mind. */
function stage(room: Room, poll: Poll, open: boolean, voted: readonly number[], draft: readonly number[] | null) {
  const fresh = voted.length === 0;
  const votes = open && room.can("play") && (fresh || poll.changeable);
  const choosing = votes && (fresh || draft !== null);
  return { choosing, changing: votes && !choosing };
}

function saying(room: Room, poll: Poll, open: boolean, voted: readonly number[], choosing: boolean, voters: number): string {
  const counted = t("poll.voters", { n: voters });
  if (!open) return `${t("poll.closed")} · ${counted}`;
  if (room.you.user.value === null) return t("poll.sign_in");
  if (choosing && poll.multiple > 1) return t("poll.up_to", { n: poll.multiple });
  return voted.length > 0 ? `${t("poll.voted")} · ${counted}` : counted;
}

/** The counts as far as everybody may see them now. */
export function results(room: Room, poll: Poll): { counts: number[] | null; voters: number } {
  const told = room.counts.value[poll.id];
  return { counts: poll.counts ?? countsOf(told, poll.options), voters: poll.voters ?? told?.voters ?? 0 };
}

/** What the viewer voted for, asked for when the page comes upon the poll. */
function useVote(room: Room, { id }: Poll): [readonly number[], (options: readonly number[]) => void] {
  const [voted, setVoted] = useState<readonly number[]>([]);
  const signedIn = room.you.user.value !== null;
  useEffect(() => {
    if (!signedIn) return;
    room
      .checkPoll(id)
      .then(({ options }) => setVoted(options))
      .catch(() => undefined); // voting says that one has voted, too
  }, [room, id, signedIn]);
  return [voted, setVoted];
}
