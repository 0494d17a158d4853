/** Bars over the days, and the same as a table for whoever can't see them. */
import { locale, t } from "../../i18n";
import type { Day } from "./wire";

const SORTS = ["filter", "acted", "decided"] as const;
const HEIGHT = 120;

export function dayName(day: string, long = false): string {
  const at = new Date(`${day}T00:00:00Z`);
  const format = new Intl.DateTimeFormat(locale(), { timeZone: "UTC", month: "short", day: "numeric", ...(long && { weekday: "short" }) });
  return format.format(at);
}

export function DayBars({ days }: { days: readonly Day[] }) {
  const most = Math.max(1, ...days.map((day) => day.filter + day.acted + day.decided));
  const middle = days[Math.floor((days.length - 1) / 2)];
  return (
    <figure class="day-bars" data-testid="day-bars">
      <ul class="day-legend small">
        {SORTS.map((sort) => (
          <li key={sort}>
            <i class={`day-swatch by-${sort}`} />
            {t(`transparency.sort.${sort}`)}
          </li>
        ))}
        <li class="push quiet numbers">{t("transparency.most", { n: most })}</li>
      </ul>
      <svg viewBox={`0 0 ${days.length * 10} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={t("transparency.days")}>
        {days.map((day, index) => (
          <Bar key={day.day} day={day} x={index * 10} most={most} />
        ))}
      </svg>
      <div class="day-axis small quiet numbers" aria-hidden="true">
        <span>{days[0] && dayName(days[0].day)}</span>
        {days.length > 2 && <span>{middle && dayName(middle.day)}</span>}
        <span>{t("transparency.today")}</span>
      </div>
      <details>
        <summary class="small">{t("transparency.as_table")}</summary>
        <div class="scroller" tabIndex={0} role="region" aria-label={t("transparency.days")}>
          <table class="figures" data-testid="day-table">
            <thead>
              <tr>
                <th scope="col">{t("transparency.day")}</th>
                {SORTS.map((sort) => (
                  <th key={sort} scope="col">
                    {t(`transparency.sort.${sort}`)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {[...days].reverse().map((day) => (
                <tr key={day.day}>
                  <th scope="row">{dayName(day.day, true)}</th>
                  {SORTS.map((sort) => (
                    <td key={sort} class="numbers">
                      {day[sort]}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  );
}

function Bar({ day, x, most }: { day: Day; x: number; most: number }) {
  let top = HEIGHT;
  const parts = SORTS.map((sort) => {
    const height = (day[sort] / most) * (HEIGHT - 2);
    top -= height;
    return { sort, height, y: top };
  });
  return (
    <g>
      <title>{`${dayName(day.day, true)}: ${SORTS.map((sort) => `${t(`transparency.sort.${sort}`)} ${day[sort]}`).join(", ")}`}</title>
      <rect class="ground" x={x + 1} y={HEIGHT - 1} width={8} height={1} />
      {parts.map(({ sort, height, y }) => (
        <rect key={sort} class={`by-${sort}`} x={x + 1} y={y} width={8} height={height} />
      ))}
    </g>
  );
}
