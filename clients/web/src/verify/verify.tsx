/** Anybody's check of a draw: everything recomputed in this browser, from the published file. */
import { useCallback, useEffect, useState } from "preact/hooks";

import { prizeText } from "../i18n/lottery";
import { t } from "../i18n";
import { Empty, LangSwitch, Logo, Notice, Spinner } from "../ui/basics";
import { Icon } from "../ui/icon";
import { PARTS } from "./published";
import type { Answer, Question, Verdict } from "./worker";
import "./verify.css";

type Shown = "nothing" | "working" | Answer;

/** What the link says: which draw, what the room was shown, which entry is the reader's. */
function linked(): { lottery: string | null; seen: Question["seen"]; mine: string | null } {
  const about = new URLSearchParams(location.hash.slice(1));
  const given = (name: string) => about.get(name) ?? undefined;
  return {
    lottery: about.get("lottery"),
    seen: { commitment: given("commitment"), entrants: given("entrants") },
    mine: about.get("entry"),
  };
}

export function Verify() {
  const [link] = useState(linked);
  const [shown, setShown] = useState<Shown>("nothing");
  const check = useCallback(
    (source: Question["source"]) => {
    setShown("working");
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      setShown(data);
      worker.terminate();
    };
    worker.onerror = () => {
      setShown({ failed: "unreachable" });
      worker.terminate();
    };
    worker.postMessage({ source, seen: link.seen, mine: link.mine } satisfies Question);
    },
    [link],
  );
  useEffect(() => {
    document.title = `${t("verify.title")} · Danmart`;
    if (link.lottery !== null) check({ url: `/api/v1/lotteries/${encodeURIComponent(link.lottery)}/draw` });
  }, [check, link]);
  const take = (files: FileList | null | undefined) => {
    const file = files?.[0];
    if (file) check({ file });
  };
  return (
    <>
      <header class="bar">
        <Logo />
        <LangSwitch />
      </header>
      <main
        class="verify"
        onDragOver={(event) => event.preventDefault()}
        onDrop={(event) => {
          event.preventDefault();
          take(event.dataTransfer?.files);
        }}
      >
        <h1>{t("verify.title")}</h1>
        <p class="quiet">{t("verify.hint")}</p>
        <label class="verify-drop">
          <Icon name="shield" size={26} />
          <span>{t("verify.file")}</span>
          <input type="file" accept="application/json,.json" onChange={(event) => take(event.currentTarget.files)} data-testid="verify-file" />
        </label>
        {shown === "working" && (
          <p class="verify-working" role="status">
            <Spinner /> {t("verify.working")}
          </p>
        )}
        {typeof shown === "object" && "failed" in shown && <Notice tone="wait">{t(`verify.failed.${shown.failed}`)}</Notice>}
        {typeof shown === "object" && "verdict" in shown && <Result verdict={shown.verdict} seen={link.seen} mine={link.mine} />}
      </main>
    </>
  );
}

function Result({ verdict, seen, mine }: { verdict: Verdict; seen: Question["seen"]; mine: string | null }) {
  const { wrong, file, listed } = verdict;
  const good = wrong.length === 0;
  if (!file) return <Empty icon="warn" title={t("verify.format")} />;
  return (
    <section class="stack" data-testid="verify-result" data-good={good}>
      <Notice tone={good ? "good" : "bad"} icon={good ? "check" : "warn"}>
        <strong>{good ? t("verify.good") : t("verify.wrong")}</strong>
        <p class="small">{t("verify.of", { title: file.rules.title ?? "", n: file.closed.count, ms: Math.round(verdict.ms) })}</p>
      </Notice>
      <ul class="verify-parts">
        {PARTS.map((part) => (
          <li key={part} class={wrong.includes(part) ? "bad" : "good"} data-testid={`verify-${part}`} data-good={!wrong.includes(part)}>
            <Icon name={wrong.includes(part) ? "close" : "check"} size={18} />
            <span>
              <strong>{t(`verify.part.${part}`)}</strong>
              <span class="small quiet">{t(wrong.includes(part) ? `verify.bad.${part}` : `verify.good.${part}`)}</span>
            </span>
          </li>
        ))}
      </ul>
      {listed !== null && (
        <Notice tone={listed ? "good" : "bad"} icon={listed ? "check" : "warn"} data-testid="verify-listed">
          {listed ? t("verify.listed") : t("verify.unlisted")}
        </Notice>
      )}
      {seen.commitment === undefined && (
        <Notice>
          {t("verify.compare")}
          <code class="verify-hash">{file.opened.commitment}</code>
          <code class="verify-hash">{file.closed.hash}</code>
        </Notice>
      )}
      <h2>{t("verify.winners")}</h2>
      <ol class="verify-winners" start={0}>
        {file.winners.map(({ place, entry, prize, status }) => (
          <li key={place} class={entry === mine ? "mine" : ""}>
            <code>{entry}</code>
            <span>{prizeText(file.prizes, prize)}</span>
            <span class="small quiet">{t(`verify.status.${status}`)}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}
