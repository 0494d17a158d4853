/** Whether all records are whole, as the nodes find by themselves; and an alarm if they aren't. */
import { useEffect, useState } from "preact/hooks";

import { dayAndTime } from "../i18n/format";
import { t } from "../i18n";
import { problemName } from "../studio/transparency/names";
import type { TrailProblem } from "../studio/transparency/wire";
import { Notice } from "../ui/basics";
import { watchOf, type Watch } from "./wire";

const AGAIN_MS = 30_000;
const SHOWN = 3;

export function useWatch(token: string | null): Watch | null {
  const [watch, setWatch] = useState<Watch | null>(null);
  useEffect(() => {
    // Whoever may not see it is told so by the rest of the page.
    const look = () => void watchOf(token).then(setWatch, () => undefined);
    look();
    const timer = setInterval(look, AGAIN_MS);
    return () => clearInterval(timer);
  }, [token]);
  return watch;
}

function place(problem: TrailProblem): string {
  const { trail, seq } = problem;
  const what = problemName(problem);
  const named = trail === "" ? t("trails.everywhere") : trail;
  return seq === null ? t("trails.place.whole", { trail: named, what }) : t("trails.place", { trail: named, seq, what });
}

/** Nothing unless something is wrong. */
export function TrailAlarm({ watch }: { watch: Watch | null }) {
  const pass = [watch?.going, watch?.last].find((each) => each && each.problems > 0);
  if (!watch?.broken || !pass) return null;
  return (
    <Notice tone="bad" icon="warn" data-testid="trail-alarm">
      <div class="trail-alarm">
        <strong>{pass.problems > 1 ? t("trails.broken.many", { n: pass.problems }) : t("trails.broken")}</strong>
        <ul class="small">
          {pass.found.slice(0, SHOWN).map((problem) => (
            <li key={`${problem.trail}-${problem.seq}-${problem.code}`}>{place(problem)}</li>
          ))}
        </ul>
        <p class="small">{t("trails.do")}</p>
      </div>
    </Notice>
  );
}

export function TrailState({ watch }: { watch: Watch | null }) {
  if (watch === null) return null;
  return (
    <div class="chain" data-testid="trails" data-broken={watch.broken}>
      <div class="chain-head">
        <h3>{t("trails.title")}</h3>
        {watch.last && <span class={`chip ${watch.broken ? "bad" : "good"}`}>{t(watch.broken ? "trails.broken" : "trails.whole")}</span>}
      </div>
      <p class="small quiet">{t("trails.hint")}</p>
      <p class="small numbers">{told(watch)}</p>
      {watch.going && <p class="small numbers">{t("trails.going", { n: watch.going.entries })}</p>}
    </div>
  );
}

function told({ every_s: everyS, last }: Watch): string {
  if (last?.done_ms !== undefined) {
    return t("trails.done", { n: last.entries, trails: last.trails, at: dayAndTime(last.done_ms, Date.now()) });
  }
  return t(everyS === 0 ? "trails.off" : "trails.never");
}
