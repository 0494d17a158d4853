/** A text tried on the filter: what others would see of it, and every reason, marked where it hit. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";

import { isKey, t } from "../../i18n";
import { errorText } from "../../i18n/errors";
import { tryText, type Place, type Tried } from "../../live/rulebook";
import { Notice } from "../../ui/basics";
import { useTask } from "../../ui/hooks";
import { categoryName } from "./levels";

const KINDS = ["comment", "name", "title", "product"] as const;
const TONES = { allow: "good", mask: "wait", hold: "wait", deny: "bad" } as const;

/** `version` is the rulebook's: after a change the answer is that of the rules before it. */
export function Trial({ place, version }: { place: Place; version: number }) {
  const [text, setText] = useState("");
  const [kind, setKind] = useState<string>("comment");
  const [tried, setTried] = useState<Tried | null>(null);
  const task = useTask();
  useEffect(() => setTried(null), [version]);
  const ask = (event: Event) => {
    event.preventDefault();
    void task.run(async () => setTried(await tryText(place, text, kind)));
  };
  return (
    <section class="stack" aria-labelledby="filter-try">
      <h3 id="filter-try">{t("filter.try")}</h3>
      <form class="try-row" onSubmit={ask}>
        <input class="input" value={text} maxLength={2000} aria-label={t("filter.try.text")} placeholder={t("filter.try.text")} onInput={(event) => setText(event.currentTarget.value)} data-testid="try-text" />
        <select class="input narrow" value={kind} aria-label={t("filter.try.kind")} onChange={(event) => setKind(event.currentTarget.value)} data-testid="try-kind">
          {KINDS.map((each) => (
            <option key={each} value={each}>
              {t(`filter.kind.${each}`)}
            </option>
          ))}
        </select>
        <button class="button" disabled={task.busy || text.trim() === ""} data-testid="try-do">
          {t("filter.try.do")}
        </button>
      </form>
      {task.refusal && (
        <Notice tone="bad" icon="warn">
          {errorText(task.refusal)}
        </Notice>
      )}
      <div role="status">{tried && !task.refusal && <Outcome tried={tried} />}</div>
    </section>
  );
}

function Outcome({ tried }: { tried: Tried }) {
  const { text, shown, verdict, reasons } = tried;
  const chars = Array.from(text); // spans count code points
  return (
    <div class="tried" data-testid="tried" data-verdict={verdict}>
      <p>
        <span class={`chip ${TONES[verdict]}`}>{t(`filter.verdict.${verdict}`)}</span>
      </p>
      <p class="tried-text">{marked(chars, reasons)}</p>
      {verdict === "mask" && (
        <p class="small">
          {t("filter.try.shown")} <bdi data-testid="tried-shown">{shown}</bdi>
        </p>
      )}
      <ul class="stack-tight small">
        {reasons.map((reason, number) => (
          <li key={number} data-testid="tried-reason">
            <strong>{reasonName(reason.check, reason.code)}</strong>
            {reason.start !== null && reason.end !== null && (
              <>
                {" "}
                <mark>{chars.slice(reason.start, reason.end).join("")}</mark>
              </>
            )}
            {reason.rule && <span class="quiet"> {t("filter.try.rule", { rule: reason.rule })}</span>}
            <span class="quiet"> → {t(`filter.measure.${reason.verdict}`)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}

function reasonName(check: string, code: string): string {
  const key = `filter.${check}`;
  return check === "words" || !isKey(key) ? categoryName(code) : t(key);
}

/** The text with what was hit marked; marks that overlap are one. */
function marked(chars: readonly string[], reasons: Tried["reasons"]): ComponentChildren[] {
  const hit = new Array<boolean>(chars.length).fill(false);
  for (const { start, end } of reasons) {
    if (start !== null && end !== null) hit.fill(true, start, end);
  }
  const parts: ComponentChildren[] = [];
  for (let from = 0; from < chars.length; ) {
    let to = from;
    while (to < chars.length && hit[to] === hit[from]) to += 1;
    const piece = chars.slice(from, to).join("");
    parts.push(hit[from] ? <mark key={from}>{piece}</mark> : piece);
    from = to;
  }
  return parts;
}
