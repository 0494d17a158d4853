/** Numbers of moderation as tiles, bars and tables: a room's, or those of all rooms. */
import { span } from "../../i18n/format";
import { locale, t, type Key } from "../../i18n";
import { Empty } from "../../ui/basics";
import { DayBars } from "./chart";
import { actionName, codeName, roleName } from "./names";
import type { Counts, Numbers, Response } from "./wire";

export function Periods({ each, days, onPick }: { each: readonly number[]; days: number; onPick: (days: number) => void }) {
  return (
    <div class="periods" role="group" aria-label={t("transparency.period")}>
      {each.map((n) => (
        <button
          key={n}
          class={`button little ${n === days ? "primary" : "outline"}`}
          aria-pressed={n === days}
          onClick={() => onPick(n)}
          data-testid={`days-${n}`}
        >
          {t("transparency.last", { n })}
        </button>
      ))}
    </div>
  );
}

export function Figures({ numbers }: { numbers: Numbers }) {
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
      <Tables numbers={numbers} />
    </>
  );
}

/** What was done, what the filter found, and what was decided. */
export function Tables({ numbers }: { numbers: Counts }) {
  return (
    <>
      <Actions numbers={numbers} />
      <Codes codes={numbers.filter_codes} />
      <Decisions numbers={numbers} />
    </>
  );
}

export function percent(share: number | null): string {
  if (share === null) return "–";
  return new Intl.NumberFormat(locale(), { style: "percent", maximumFractionDigits: 1 }).format(share);
}

export function Tiles({ numbers }: { numbers: Counts }) {
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

function Actions({ numbers }: { numbers: Counts }) {
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

function Decisions({ numbers }: { numbers: Counts }) {
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
