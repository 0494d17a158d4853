/** The host's lotteries: what runs, how many take part, who won, and a form for the next. */
import { useEffect, useState } from "preact/hooks";

import { conditionText, prizesText } from "../../i18n/lottery";
import { errorText } from "../../i18n/errors";
import { span } from "../../i18n/format";
import { t } from "../../i18n";
import { coupons as readCoupons } from "../../live/api";
import type { Lottery, Prize } from "../../live/lottery_wire";
import type { Room } from "../../live/room";
import type { Coupon } from "../../live/wire";
import { IconButton, Notice, Spinner } from "../../ui/basics";
import { Countdown } from "../../ui/countdown";
import { useTask } from "../../ui/hooks";
import { Icon } from "../../ui/icon";
import { Confirm, Sheet } from "../../ui/sheet";
import { toast, toastError } from "../../ui/toasts";
import "./lottery.css";
import { TermFields, type PartProps } from "./lottery_terms";
import { CLAIM_S, EMPTY_LOTTERY, EMPTY_PRIZE, lotteryOfDraft, OPEN_S, type LotteryDraft, type PrizeDraft } from "./lottery_draft";
import { PlaySection } from "./section";

export function LotterySection({ room }: { room: Room }) {
  const [adding, setAdding] = useState(false);
  const running = room.state.value.plays.filter(({ kind }) => kind === "lottery") as Lottery[];
  return (
    <PlaySection
      title={t("lottery.title")}
      none={t("lottery.none")}
      isEmpty={running.length === 0}
      add={{ label: t("lottery.new"), icon: "plus", testId: "new-lottery", onClick: () => setAdding(true) }}
      data-testid="lottery-section"
    >
      <ul>
        {running.map((lottery) => (
          <Row key={lottery.id} room={room} lottery={lottery} />
        ))}
      </ul>
      {adding && <LotteryForm room={room} onClose={() => setAdding(false)} />}
    </PlaySection>
  );
}

function Row({ room, lottery }: { room: Room; lottery: Lottery }) {
  const [asking, setAsking] = useState(false);
  const task = useTask();
  const entrants = lottery.entrants?.count ?? room.counts.value[lottery.id]?.entrants ?? 0;
  const act = (command: "lottery.draw" | "lottery.cancel") => {
    setAsking(false);
    void task.run(() => room.send(command, { lottery: lottery.id }).catch(toastError));
  };
  return (
    <li class="coupon-row" data-testid="lottery-row" data-state={lottery.state}>
      <div class="shelf-text">
        <span class="product-name">
          <strong>{lottery.title}</strong> · {prizesText(lottery.prizes)}
        </span>
        <span class="small quiet">{[t("lottery.entrants", { n: entrants }), ...lottery.conditions.map((each) => conditionText(each))].join(" · ")}</span>
        {lottery.state === "drawn" && <span data-testid="lottery-row-winners">{lottery.winners_shown.map(({ user }) => user.name).join(", ") || t("lottery.nobody")}</span>}
      </div>
      {lottery.state === "open" ? (
        <div class="shelf-tools">
          <span class="chip good">
            <Countdown untilMs={lottery.closes_at_ms} now={room.now} />
          </span>
          <button class="button primary little" disabled={task.busy} onClick={() => act("lottery.draw")} data-testid="lottery-draw">
            {t("lottery.draw")}
          </button>
          <button class="button outline little" disabled={task.busy} onClick={() => setAsking(true)} data-testid="lottery-cancel">
            {t("lottery.cancel")}
          </button>
        </div>
      ) : (
        <div class="shelf-tools">
          {lottery.state === "drawn" ? (
            <a class="button outline little" href={`/verify#lottery=${lottery.id}&commitment=${lottery.commitment}`} target="_blank" rel="noopener">
              {t("lottery.verify")}
            </a>
          ) : (
            <Spinner />
          )}
        </div>
      )}
      {asking && <Confirm title={t("lottery.cancel")} text={t("lottery.cancel.text")} action={t("lottery.cancel")} onYes={() => act("lottery.cancel")} onClose={() => setAsking(false)} />}
    </li>
  );
}

function LotteryForm({ room, onClose }: { room: Room; onClose: () => void }) {
  const [draft, setDraft] = useState<LotteryDraft>(EMPTY_LOTTERY);
  const [coupons, setCoupons] = useState<readonly Coupon[]>([]);
  const task = useTask();
  useEffect(() => {
    readCoupons(room.id, room.token)
      .then(({ items }) => setCoupons(items))
      .catch(toastError);
  }, [room]);
  const lottery = lotteryOfDraft(draft);
  const change = (some: Partial<LotteryDraft>) => setDraft({ ...draft, ...some });
  const submit = async () => {
    if (!lottery || !(await task.run(() => room.send("lottery.create", lottery)))) return;
    toast(t("lottery.started"));
    onClose();
  };
  return (
    <Sheet title={t("lottery.new")} onClose={onClose} data-testid="lottery-form">
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <label class="field">
          <span class="label">{t("lottery.name")}</span>
          <input class="input" required maxLength={60} value={draft.title} onInput={(event) => change({ title: event.currentTarget.value })} data-testid="lottery-title" />
        </label>
        {draft.prizes.map((prize, n) => (
          <PrizeFields
            key={n}
            room={room}
            coupons={coupons}
            prize={prize}
            onChange={(some) => change({ prizes: draft.prizes.map((each, at) => (at === n ? { ...each, ...some } : each)) })}
            onRemove={draft.prizes.length > 1 ? () => change({ prizes: draft.prizes.filter((_, at) => at !== n) }) : null}
          />
        ))}
        {draft.prizes.length < 10 && (
          <button type="button" class="button outline little" onClick={() => change({ prizes: [...draft.prizes, EMPTY_PRIZE] })}>
            <Icon name="plus" size={16} />
            {t("lottery.prize.more")}
          </button>
        )}
        <TermFields room={room} draft={draft} onChange={change} />
        <TimeFields draft={draft} onChange={change} />
        {task.refusal && (
          <Notice tone="bad" icon="warn" data-testid="lottery-form-error">
            {errorText(task.refusal)}
          </Notice>
        )}
        <button class="button primary wide" disabled={lottery === null || task.busy} data-testid="lottery-start">
          {task.busy && <Spinner />}
          {t("lottery.start")}
        </button>
      </form>
    </Sheet>
  );
}

interface PrizeFieldsProps {
  room: Room;
  coupons: readonly Coupon[];
  prize: PrizeDraft;
  onChange: (change: Partial<PrizeDraft>) => void;
  onRemove: (() => void) | null;
}

export function PrizeFields({ room, coupons, prize, onChange, onRemove }: PrizeFieldsProps) {
  const pick = (value: string) => {
    const [kind, ref = ""] = value.split(" ");
    onChange({ kind: kind as Prize["kind"], ref, ...(kind === "coins" ? {} : { amount: "1" }) });
  };
  return (
    <div class="field-row">
      <label class="field">
        <span class="label">{t("lottery.prize")}</span>
        <select class="input" value={`${prize.kind} ${prize.ref}`.trim()} onChange={(event) => pick(event.currentTarget.value)} data-testid="lottery-prize">
          <option value="coins">{t("lottery.prize.coins")}</option>
          {room.state.value.products.flatMap(({ title, skus }) =>
            skus.map(({ id, name }) => (
              <option key={id} value={`product ${id}`}>
                {[title, name].filter(Boolean).join(" · ")}
              </option>
            )),
          )}
          {coupons.map(({ id, title }) => (
            <option key={id} value={`coupon ${id}`}>
              {title}
            </option>
          ))}
        </select>
      </label>
      {prize.kind !== "coupon" && (
        <label class="field">
          <span class="label">{t("lottery.prize.each")}</span>
          <input class="input numbers" inputMode="numeric" value={prize.amount} onInput={(event) => onChange({ amount: event.currentTarget.value })} data-testid="lottery-amount" />
        </label>
      )}
      <label class="field">
        <span class="label">{t("lottery.prize.count")}</span>
        <input class="input numbers" inputMode="numeric" value={prize.count} onInput={(event) => onChange({ count: event.currentTarget.value })} data-testid="lottery-count" />
      </label>
      {onRemove && <IconButton icon="trash" label={t("lottery.prize.less")} onClick={onRemove} />}
    </div>
  );
}

function TimeFields({ draft, onChange }: PartProps) {
  return (
    <div class="field-row">
      <Spans label={t("lottery.seconds")} choices={OPEN_S} value={draft.seconds} onChange={(seconds) => onChange({ seconds })} />
      <Spans label={t("lottery.claim_s")} choices={CLAIM_S} value={draft.claimS} onChange={(claimS) => onChange({ claimS })} />
      <label class="field">
        <span class="label">{t("lottery.unclaimed.label")}</span>
        <select class="input" value={draft.unclaimed} onChange={(event) => onChange({ unclaimed: event.currentTarget.value as Lottery["unclaimed"] })}>
          <option value="return">{t("lottery.unclaimed.return")}</option>
          <option value="redraw">{t("lottery.unclaimed.redraw")}</option>
        </select>
      </label>
    </div>
  );
}

function Spans({ label, choices, value, onChange }: { label: string; choices: readonly number[]; value: number; onChange: (seconds: number) => void }) {
  return (
    <label class="field">
      <span class="label">{label}</span>
      <select class="input" value={value} onChange={(event) => onChange(Number(event.currentTarget.value))}>
        {choices.map((seconds) => (
          <option key={seconds} value={seconds}>
            {span(seconds * 1000)}
          </option>
        ))}
      </select>
    </label>
  );
}
