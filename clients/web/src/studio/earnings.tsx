/** What the host has earned in coins, and having it paid out. */
import { useCallback, useEffect, useState } from "preact/hooks";

import { errorText } from "../i18n/errors";
import { dayAndTime } from "../i18n/format";
import { t } from "../i18n";
import { newKey } from "../live/connection";
import type { Room } from "../live/room";
import { earnings, requestPayout, type Earnings as Earned, type Payout } from "../live/wallet";
import { amount, Coins } from "../ui/coins";
import { Notice, Spinner } from "../ui/basics";
import { useTask } from "../ui/hooks";
import { toast } from "../ui/toasts";
import "./earnings.css";

const LOOK_EVERY_MS = 15_000;
const TONES: Record<Payout["status"], string> = { requested: "wait", done: "good", returned: "bad" };

export function Earnings({ room }: { room: Room }) {
  const [earned, setEarned] = useState<Earned | null>(null);
  const look = useCallback(() => earnings(room.id, room.token).then(setEarned, () => undefined), [room]);
  useEffect(() => {
    void look();
    const timer = setInterval(() => void look(), LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }, [look]);
  if (!earned) return null;
  const { accounts } = earned;
  const rows = [
    { label: t("earnings.gifts"), coins: accounts.earnings, id: "earnings" },
    { label: t("earnings.orders"), coins: accounts.takings, id: "takings" },
    { label: t("earnings.waiting"), coins: accounts.payout, id: "payout" },
    { label: t("earnings.paid_out"), coins: accounts.paid_out, id: "paid-out" },
  ];
  return (
    <section class="earnings" aria-label={t("earnings.title")} data-testid="earnings">
      <h3>{t("earnings.title")}</h3>
      <dl>
        {rows.map(({ label, coins, id }) => (
          <div key={id} class="line-row" data-testid={`earned-${id}`} data-coins={coins}>
            <dt>{label}</dt>
            <dd>
              <Coins n={coins} />
            </dd>
          </div>
        ))}
      </dl>
      {room.you.user.value?.id === earned.host ? (
        <PayoutForm room={room} earned={earned} onDone={look} />
      ) : (
        <p class="small quiet">{t("earnings.payout.host_only")}</p>
      )}
      <ul class="payouts">
        {earned.payouts.map((payout) => (
          <li key={payout.id} data-testid="payout" data-status={payout.status}>
            <Coins n={payout.coins} />
            <span class="small quiet ellipsis">{payout.note ?? dayAndTime(payout.requested_at_ms, room.now())}</span>
            <span class={`chip ${TONES[payout.status]}`}>{t(`earnings.status.${payout.status}`)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function PayoutForm({ room, earned, onDone }: { room: Room; earned: Earned; onDone: () => Promise<unknown> }) {
  const [text, setText] = useState("");
  // A key for each amount that is asked for: pressing again after a lost answer asks for it only once.
  const [key, setKey] = useState(newKey);
  const task = useTask();
  const coins = /^[0-9]{1,12}$/.test(text) ? Number(text) : 0;
  const has = earned.accounts.earnings + earned.accounts.takings;
  const ask = async () => {
    if (!(await task.run(() => requestPayout(coins, key, room.token)))) return;
    setText("");
    setKey(newKey());
    toast(t("earnings.payout.asked"));
    await onDone();
  };
  return (
    <form
      class="stack-tight"
      onSubmit={(event) => {
        event.preventDefault();
        void ask();
      }}
    >
      <label class="field">
        <span class="label">{t("earnings.payout.coins")}</span>
        <div class="composer-row">
          <input
            class="input numbers"
            inputMode="numeric"
            value={text}
            placeholder={amount(has)}
            onInput={(event) => {
              setText(event.currentTarget.value.trim());
              setKey(newKey());
            }}
            data-testid="payout-coins"
          />
          <button class="button primary" disabled={task.busy || coins < 1} data-testid="payout-ask">
            {task.busy && <Spinner />}
            {t("earnings.payout")}
          </button>
        </div>
        <span class="hint">{t("earnings.payout.hint", { n: amount(earned.payout_min) })}</span>
      </label>
      {task.refusal && (
        <Notice tone="bad" icon="warn" data-testid="payout-error">
          {errorText(task.refusal)}
        </Notice>
      )}
    </form>
  );
}
