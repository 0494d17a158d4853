/** What the room's moderation comes to, for its host; whether its trail is whole; and what was done, by whom. */
import { useCallback, useEffect, useState } from "preact/hooks";

import { errorText } from "../../i18n/errors";
import { timeOfDay } from "../../i18n/format";
import { t } from "../../i18n";
import type { Room } from "../../live/room";
import { Notice, Spinner } from "../../ui/basics";
import { useTask } from "../../ui/hooks";
import { Icon } from "../../ui/icon";
import { Activity } from "./activity";
import { Figures, Periods } from "./figures";
import { problemName } from "./names";
import { numbersSheet, save } from "./sheet";
import { chainOf, numbersOf, type Chain, type Numbers } from "./wire";
import "./transparency.css";

const PERIODS = [7, 30, 90] as const;
const AGAIN_MS = 30_000;

export function Transparency({ room }: { room: Room }) {
  const [days, setDays] = useState<number>(30);
  const [numbers, setNumbers] = useState<Numbers | null>(null);
  const task = useTask();
  const { run } = task;
  const load = useCallback(async () => setNumbers(await numbersOf(room.id, days, room.token)), [room, days]);
  useEffect(() => {
    void run(load);
    const timer = setInterval(() => void load().catch(() => undefined), AGAIN_MS);
    return () => clearInterval(timer);
  }, [load]); // eslint-disable-line react-hooks/exhaustive-deps
  return (
    <section class="transparency" aria-label={t("transparency.tab")} data-testid="transparency">
      <header class="transparency-head">
        <Periods each={PERIODS} days={days} onPick={setDays} />
        <button
          class="button outline little push"
          disabled={numbers === null}
          onClick={() => numbers && save(new Blob([numbersSheet(numbers)], { type: "text/csv" }), `transparency-${room.id}.csv`)}
          data-testid="numbers-save"
        >
          <Icon name="down" size={16} />
          CSV
        </button>
      </header>
      {task.refusal && (
        <Notice tone="bad" icon="warn">
          {errorText(task.refusal)}
        </Notice>
      )}
      {numbers === null && !task.refusal && (
        <div class="empty">
          <Spinner />
        </div>
      )}
      {numbers && <Figures numbers={numbers} />}
      <ChainState room={room} />
      <Activity room={room} />
    </section>
  );
}

/** Whether the trail is whole, as the node finds when it is asked. */
function ChainState({ room }: { room: Room }) {
  const [chain, setChain] = useState<Chain | null>(null);
  const task = useTask();
  const check = () => task.run(async () => setChain(await chainOf(room.id, room.token)));
  useEffect(() => void check(), [room]); // eslint-disable-line react-hooks/exhaustive-deps
  return (
    <div class="chain" data-testid="chain" data-ok={chain?.ok}>
      <div class="chain-head">
        <h3>{t("chain.title")}</h3>
        {chain && <span class={`chip ${chain.ok ? "good" : "bad"}`}>{t(chain.ok ? "chain.whole" : "chain.broken", { n: chain.problems })}</span>}
        {task.busy && <Spinner />}
        <button class="button outline little push" disabled={task.busy} onClick={() => void check()} data-testid="chain-check">
          {t("chain.check")}
        </button>
      </div>
      {task.refusal && <Notice tone="bad">{errorText(task.refusal)}</Notice>}
      <p class="small quiet">{t("chain.hint")}</p>
      {chain && (
        <p class="small numbers">
          {t("chain.entries", { n: chain.entries, at: timeOfDay(chain.checked_at_ms) })}
          {chain.who_erased + chain.what_erased > 0 && ` · ${t("chain.erased", { who: chain.who_erased, what: chain.what_erased })}`}
        </p>
      )}
      {chain && chain.seq > 0 && <code class="chain-hash">{chain.hash}</code>}
      {chain && !chain.ok && (
        <ul class="small">
          {chain.found.slice(0, 5).map((problem) => (
            <li key={`${problem.seq}-${problem.code}`}>
              <strong class="numbers">{problem.seq === null ? "" : `${problem.seq}: `}</strong>
              {problemName(problem)}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
