/** What the room's moderation comes to, for its host; whether its trail is whole; and what was done, by whom. */
import { useCallback, useEffect, useState } from "preact/hooks";

import { errorText } from "../../i18n/errors";
import { span, timeOfDay } from "../../i18n/format";
import { locale, t, type Key } from "../../i18n";
import type { Room } from "../../live/room";
import { Empty, Notice, Spinner } from "../../ui/basics";
import { useTask } from "../../ui/hooks";
import { Icon } from "../../ui/icon";
import { Activity } from "./activity";
import { DayBars } from "./chart";
import { actionName, codeName, roleName } from "./names";
import { numbersSheet, save } from "./sheet";
import { chainOf, numbersOf, type Chain, type Numbers, type Response } from "./wire";
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
        <div class="periods" role="group" aria-label={t("transparency.period")}>
          {PERIODS.map((each) => (
            <button
              key={each}
              class={`button little ${each === days ? "primary" : "outline"}`}
              aria-pressed={each === days}
              onClick={() => setDays(each)}
              data-testid={`days-${each}`}
            >
              {t("transparency.last", { n: each })}
            </button>
          ))}
        </div>
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

function Figures({ numbers }: { numbers: Numbers }) {
  if (numbers.total === 0) {
    return (
      <Empty icon="shield" title={t("transparency.none")}>
        <span class="small">{t("transparency.none.hint")}</span>
      </Empty>
    );
  }
  return (
    <>
      <Tiles numbers={numbers} />
      <DayBars days={numbers.days} />
      <Actions numbers={numbers} />
      <Codes codes={numbers.filter_codes} />
      <Decisions numbers={numbers} />
    </>
  );
}

function percent(share: number | null): string {
  if (share === null) return "–";
  return new Intl.NumberFormat(locale(), { style: "percent", maximumFractionDigits: 1 }).format(share);
}

function Tiles({ numbers }: { numbers: Numbers }) {
  const { appeals, false_positives: wrong, held } = numbers;
  const appealed = appeals.granted + appeals.refused;
  const tiles: { id: string; label: Key; value: string; hint: string }[] = [
    { id: "total", label: "transparency.total", value: String(numbers.total), hint: t("transparency.automatic", { share: percent(numbers.automatic / numbers.total) }) },
    { id: "wrong", label: "transparency.wrong", value: percent(wrong.share), hint: outOf("transparency.wrong.of", wrong.count, wrong.of) },
    { id: "appeals", label: "transparency.appeals", value: percent(appealed ? appeals.granted / appealed : null), hint: outOf("transparency.appeals.of", appeals.granted, appealed) },
    { id: "wait", label: "transparency.wait", value: waited(held.response.p50_ms), hint: t("transparency.wait.hint") },
  ];
  return (
    <dl class="tiles">
      {tiles.map(({ id, label, value, hint }) => (
        <div key={id} class="tile" data-testid={`tile-${id}`}>
          <dt class="small quiet">{t(label)}</dt>
          <dd class="tile-value numbers">{value}</dd>
          <dd class="small quiet">{hint}</dd>
        </div>
      ))}
    </dl>
  );
}

const outOf = (key: Key, n: number, of: number) => (of === 0 ? t("transparency.none.yet") : t(key, { n, of }));
const waited = (ms: number | null) => (ms === null ? "–" : span(ms));

function Actions({ numbers }: { numbers: Numbers }) {
  const rows = [...numbers.actions].sort((a, b) => b.count - a.count);
  const most = rows[0]?.count ?? 1;
  return (
    <div class="figure-block">
      <h3>{t("transparency.actions")}</h3>
      <table class="figures bars" data-testid="action-table">
        <thead class="unseen">
          <tr>
            <th scope="col">{t("audit.what")}</th>
            <th scope="col">{t("transparency.count")}</th>
            <th scope="col">{t("audit.who")}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ action, count, by }) => (
            <tr key={action} data-testid="action-row" data-action={action} data-count={count}>
              <th scope="row">{actionName(action)}</th>
              <td class="numbers">
                <span class="part-bar" style={{ "--part": count / most }} />
                {count}
              </td>
              <td class="small quiet">
                {Object.entries(by)
                  .sort(([, a], [, b]) => b - a)
                  .map(([role, n]) => `${roleName(role)} ${n}`)
                  .join(" · ")}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Codes({ codes }: { codes: Numbers["filter_codes"] }) {
  const rows = Object.entries(codes);
  if (rows.length === 0) return null;
  const verdicts = ["mask", "hold", "deny"] as const;
  return (
    <div class="figure-block">
      <h3>{t("transparency.codes")}</h3>
      <table class="figures">
        <thead>
          <tr>
            <th scope="col">{t("transparency.code")}</th>
            {verdicts.map((verdict) => (
              <th key={verdict} scope="col">
                {t(`transparency.verdict.${verdict}`)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([code, counts]) => (
            <tr key={code}>
              <th scope="row">{codeName(code)}</th>
              {verdicts.map((verdict) => (
                <td key={verdict} class="numbers">
                  {counts[verdict] ?? 0}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Decisions({ numbers }: { numbers: Numbers }) {
  const { held, reports, appeals } = numbers;
  const rows: { name: Key; yes: string; no: string; response: Response }[] = [
    { name: "transparency.held", yes: t("transparency.held.yes", { n: held.released }), no: t("transparency.held.no", { n: held.refused }), response: held.response },
    { name: "transparency.reports", yes: t("transparency.reports.yes", { n: reports.upheld }), no: t("transparency.reports.no", { n: reports.dismissed }), response: reports.response },
    { name: "transparency.appealed", yes: t("transparency.appealed.yes", { n: appeals.granted }), no: t("transparency.appealed.no", { n: appeals.refused }), response: appeals.response },
  ];
  return (
    <div class="figure-block">
      <h3>{t("transparency.decisions")}</h3>
      <table class="figures">
        <thead>
          <tr>
            <th scope="col">{t("audit.what")}</th>
            <th scope="col">{t("transparency.decided")}</th>
            <th scope="col">{t("transparency.p50")}</th>
            <th scope="col">{t("transparency.p90")}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, yes, no, response }) => (
            <tr key={name}>
              <th scope="row">{t(name)}</th>
              <td class="small">
                {yes}
                <br />
                <span class="quiet">{no}</span>
              </td>
              <td class="numbers">{waited(response.p50_ms)}</td>
              <td class="numbers">{waited(response.p90_ms)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
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
          {chain.found.slice(0, 5).map(({ seq, code, what }) => (
            <li key={`${seq}-${code}`}>
              <strong class="numbers">{seq === null ? "" : `${seq}: `}</strong>
              {what}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
