/** A lottery over the picture: a line of it, and a sheet with everything, from the conditions to the winners. */
import { useCallback, useEffect, useState } from "preact/hooks";

import { conditionText, onePrize, prizesText, prizeText } from "../../i18n/lottery";
import { errorText } from "../../i18n/errors";
import { t } from "../../i18n";
import type { CheckedCondition, Entry, Lottery, Standing, Won } from "../../live/lottery_wire";
import type { Room } from "../../live/room";
import { Avatar, IconButton, Notice, Spinner } from "../../ui/basics";
import { Countdown } from "../../ui/countdown";
import { useCountdown, useTask } from "../../ui/hooks";
import { Icon } from "../../ui/icon";
import { Sheet } from "../../ui/sheet";
import { addressOf, keepDelivery, recallDelivery } from "../delivery";
import { follow } from "../points/follow";
import { DeliveryFields } from "../delivery_fields";
import { toHex } from "../../verify/draw";
import type { PlayProps } from "./plays";
import "./lottery.css";

export function LotteryCard({ room, play, front, onFold }: PlayProps) {
  const lottery = play as Lottery;
  const [open, setOpen] = useState(false);
  const [standing, look] = useStanding(room, lottery);
  const won = wonOf(room, lottery, standing);
  const state = useNowState(room, lottery);
  const toClaim = won?.status === "waiting";
  const label = cardLabel(state, standing, won !== null);
  return (
    <>
      <section class={`lottery-card${toClaim ? " won" : ""}`} hidden={!front} aria-label={t("lottery.one")} data-testid="lottery-card" data-state={state}>
        <Icon name="ticket" size={22} />
        <div class="lottery-text">
          <strong class="ellipsis">{lottery.title}</strong>
          <span class="small ellipsis">{summary(lottery)}</span>
        </div>
        {state === "open" && <Countdown untilMs={lottery.closes_at_ms} now={room.now} data-testid="lottery-countdown" />}
        <button class={`button little ${toClaim || !standing?.entered ? "primary" : "outline"}`} onClick={() => setOpen(true)} data-testid="lottery-open">
          {label}
        </button>
        {onFold && <IconButton icon="close" little label={t("play.fold")} onClick={onFold} />}
        <span class="unseen" role="status">
          {label}
        </span>
      </section>
      {open && <LotterySheet room={room} lottery={lottery} over={state !== "open"} standing={standing} look={look} onClose={() => setOpen(false)} />}
    </>
  );
}

function LotterySheet({ onClose, ...joining }: JoiningProps & { onClose: () => void }) {
  const { room, lottery, standing } = joining;
  return (
    <Sheet title={lottery.title} onClose={onClose} data-testid="lottery-sheet">
      {lottery.state === "drawn" ? <Results room={room} lottery={lottery} standing={standing} /> : <Joining {...joining} />}
    </Sheet>
  );
}

/** Its state by the clock: from the closing time on nobody enters, whether or not that has been heard. */
function useNowState(room: Room, { state, closes_at_ms }: Lottery): Lottery["state"] {
  useCountdown(state === "open" ? closes_at_ms : null, room.now);
  return state === "open" && room.now() >= closes_at_ms ? "closed" : state;
}

/** What the viewer has won: the private event knows it first. */
function wonOf(room: Room, { id }: Lottery, standing: Standing | null): Won | null {
  return room.you.won.value[id] ?? standing?.won ?? null;
}

function summary({ state, winners, entrants, prizes }: Lottery): string {
  if (state !== "drawn") return prizesText(prizes);
  return t("lottery.winners", { n: Math.min(winners, entrants?.count ?? 0) });
}

function cardLabel(state: Lottery["state"], standing: Standing | null, won: boolean): string {
  if (state !== "drawn") return joinLabel(state, standing);
  return t(won ? "lottery.you_won" : "lottery.results");
}

function joinLabel(state: Lottery["state"], standing: Standing | null): string {
  if (state === "closed") return t("lottery.drawing");
  return t(standing?.entered ? "lottery.joined" : "lottery.join");
}

/** How the viewer stands with it, asked for when it is shown, when it is drawn, and when somebody wants to know again. */
function useStanding(room: Room, { id, state }: Lottery): [Standing | null, () => Promise<void>] {
  const [standing, setStanding] = useState<Standing | null>(null);
  const signedIn = room.you.user.value !== null;
  const look = useCallback(async () => {
    if (signedIn) setStanding(await room.checkLottery(id));
  }, [room, id, signedIn]);
  useEffect(() => {
    look().catch(() => undefined); // entering says what is missing, too
  }, [look, state]);
  return [standing, look];
}

interface JoiningProps {
  room: Room;
  lottery: Lottery;
  over: boolean;
  standing: Standing | null;
  look: () => Promise<void>;
}

function Joining({ room, lottery, over, standing, look }: JoiningProps) {
  const entrants = room.counts.value[lottery.id]?.entrants ?? standing?.entrants ?? 0;
  const conditions: CheckedCondition[] = standing?.conditions ?? lottery.conditions.map((each) => ({ ...each, done: false, have: 0 }));
  return (
    <div class="stack">
      <p>
        <strong>{t("lottery.prizes")}: </strong>
        {prizesText(lottery.prizes)}
      </p>
      <p class="quiet small" data-testid="lottery-entrants" data-value={entrants}>
        {t("lottery.entrants", { n: entrants })}
        {!over && (
          <>
            {" · "}
            <Countdown untilMs={lottery.closes_at_ms} now={room.now} />
          </>
        )}
      </p>
      <h3>{t("lottery.conditions")}</h3>
      {conditions.length === 0 && <p class="quiet">{t("lottery.no_conditions")}</p>}
      <ul class="lottery-conditions">
        {conditions.map((condition, n) => (
          <Condition key={n} room={room} condition={condition} entered={standing?.entered ?? false} look={look} />
        ))}
      </ul>
      {lottery.weights && (
        <p class="quiet" data-testid="lottery-weighs">
          {t(`lottery.weighs.${lottery.weights.by}`, { per: lottery.weights.per, max: lottery.weights.max })}
        </p>
      )}
      {standing?.entry ? <Entered entry={standing.entry} /> : <EnterButton room={room} lottery={lottery} over={over} standing={standing} look={look} />}
      <Fairness lottery={lottery} standing={standing} />
    </div>
  );
}

function Entered({ entry }: { entry: Entry }) {
  return (
    <Notice tone="good" icon="check" data-testid="lottery-entered">
      {t("lottery.joined")}
      {entry.weight > 1 && ` · ${t("lottery.chances", { n: entry.weight })}`}
    </Notice>
  );
}

/** Entering sends a number of this browser's own, so that the draw doesn't come from the house alone. */
function EnterButton({ room, lottery, over, standing, look }: JoiningProps) {
  const task = useTask();
  const signedIn = room.you.user.value !== null;
  const met = standing?.conditions.every(({ done }) => done) ?? true;
  const enter = () =>
    task.run(async () => {
      const nonce = toHex(crypto.getRandomValues(new Uint8Array(16)));
      try {
        await room.send("lottery.enter", { lottery: lottery.id, nonce });
      } finally {
        await look();
      }
    });
  return (
    <>
      {task.refusal && (
        <Notice tone="bad" icon="warn" data-testid="lottery-error">
          {errorText(task.refusal)}
        </Notice>
      )}
      <button class="button primary wide" disabled={task.busy || over || !signedIn || !standing} onClick={() => void enter()} data-testid="lottery-enter">
        {task.busy && <Spinner />}
        {signedIn ? joinLabel(over ? "closed" : "open", null) : t("lottery.sign_in")}
      </button>
      {!met && (
        <button class="button outline wide" onClick={() => void look().catch(() => undefined)} data-testid="lottery-again">
          {t("lottery.again")}
        </button>
      )}
    </>
  );
}

function Condition({ room, condition, entered, look }: { room: Room; condition: CheckedCondition; entered: boolean; look: () => Promise<void> }) {
  const task = useTask();
  const product = condition.kind === "order" ? room.state.value.products.find(({ id }) => id === condition.product)?.title : undefined;
  const done = condition.done || entered;
  const act = (what: () => Promise<unknown>) =>
    task.run(async () => {
      await what();
      await look();
    });
  return (
    <li class={done ? "done" : ""} data-testid="lottery-condition" data-done={done}>
      <Icon name={done ? "check" : "clock"} size={18} />
      <span>{conditionText(condition, product)}</span>
      {condition.kind === "comment" && !done ? (
        <button class="button outline little" disabled={task.busy || !room.can("comment")} onClick={() => void act(() => room.comment({ text: condition.phrase }))} data-testid="lottery-say">
          {t("lottery.condition.comment.do")}
        </button>
      ) : condition.kind === "follow" && !done ? (
        <button class="button outline little" disabled={task.busy || !room.can("follow")} onClick={() => void act(() => follow(room, true))} data-testid="lottery-follow">
          {t("follow.do")}
        </button>
      ) : (
        <span class="small quiet">{t(done ? "lottery.done" : "lottery.open")}</span>
      )}
    </li>
  );
}

function Fairness({ lottery, standing }: { lottery: Lottery; standing: Standing | null }) {
  return (
    <details class="lottery-fair small">
      <summary>{t("lottery.fair")}</summary>
      <p>
        {t("lottery.commitment")}: <code>{lottery.commitment}</code>
      </p>
      {standing?.entry && (
        <p>
          {t("lottery.entry")}: <code>{standing.entry.tag}</code>
        </p>
      )}
    </details>
  );
}

function Results({ room, lottery, standing }: { room: Room; lottery: Lottery; standing: Standing | null }) {
  const won = wonOf(room, lottery, standing);
  const me = room.you.user.value?.id;
  return (
    <div class="stack">
      {won && <Claim room={room} lottery={lottery} won={won} />}
      <h3>{t("lottery.results")}</h3>
      {lottery.winners_shown.length === 0 && <p class="quiet">{t("lottery.nobody")}</p>}
      <ul class="lottery-winners" data-testid="lottery-winners">
        {lottery.winners_shown.map(({ place, prize, user }, n) => (
          <li key={place} class={user.id === me ? "me" : ""} style={{ "--n": n }} title={prizeText(lottery.prizes, prize)}>
            <Avatar id={user.id} name={user.name} size={26} />
            <span>{user.name}</span>
          </li>
        ))}
      </ul>
      <a class="button outline wide" href={verifyLink(lottery, standing)} target="_blank" rel="noopener" data-testid="lottery-verify">
        <Icon name="shield" size={18} />
        {t("lottery.verify")}
      </a>
    </div>
  );
}

/** What this browser was shown goes along: the page holds the file against it. */
function verifyLink({ id, commitment, entrants }: Lottery, standing: Standing | null): string {
  const about = new URLSearchParams({ lottery: id, commitment });
  if (entrants) about.set("entrants", entrants.hash);
  if (standing?.entry) about.set("entry", standing.entry.tag);
  return `/verify#${about.toString()}`;
}

function Claim({ room, lottery, won }: { room: Room; lottery: Lottery; won: NonNullable<Standing["won"]> }) {
  const task = useTask();
  const [delivery, setDelivery] = useState(recallDelivery);
  const [bad, setBad] = useState(false);
  const isProduct = won.prize.kind === "product";
  const claim = () => {
    const address = isProduct ? addressOf(delivery) : undefined;
    setBad(address === null);
    if (address === null) return;
    if (isProduct) keepDelivery(delivery);
    void task.run(async () => {
      await room.send("lottery.claim", { lottery: lottery.id, ...(address ? { address } : {}) });
      room.you.addWon({ ...won, status: "claimed" });
    });
  };
  if (won.status === "claimed") {
    return (
      <Notice tone="good" icon="check" data-testid="lottery-claimed">
        {onePrize(won.prize)}: {t("lottery.claimed")}
      </Notice>
    );
  }
  if (won.status === "unclaimed") return <Notice tone="wait">{t("lottery.unclaimed")}</Notice>;
  return (
    <div class="stack" data-testid="lottery-won">
      <Notice tone="good" icon="ticket">
        <strong>{t("lottery.you_won")}</strong> {onePrize(won.prize)}
      </Notice>
      {isProduct && <DeliveryFields delivery={delivery} bad={bad} onChange={(some) => setDelivery({ ...delivery, ...some })} />}
      {task.refusal && (
        <Notice tone="bad" icon="warn">
          {errorText(task.refusal)}
        </Notice>
      )}
      <button class="button primary wide" disabled={task.busy} onClick={claim} data-testid="lottery-claim">
        {task.busy && <Spinner />}
        {t("lottery.claim")}
      </button>
      <p class="small quiet">
        {t("lottery.claim.by")} <Countdown untilMs={won.claim_by_ms} now={room.now} />
      </p>
    </div>
  );
}
