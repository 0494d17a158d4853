/** What moved in the wallet, the newest first, page by page. */
import { useEffect, useState } from "preact/hooks";

import { dayAndTime } from "../../i18n/format";
import { isKey, t } from "../../i18n";
import type { Room } from "../../live/room";
import { statement, type StatementLine } from "../../live/wallet";
import { amount } from "../../ui/coins";
import { useTask } from "../../ui/hooks";

/** `balance` is only there to read again when it changes. */
export function Statement({ room, balance }: { room: Room; balance: number }) {
  const [lines, setLines] = useState<readonly StatementLine[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const more = useTask();
  useEffect(() => {
    let stale = false;
    statement(null, room.token).then(
      (page) => {
        if (stale) return;
        setLines(page.items);
        setNext(page.next);
      },
      () => undefined,
    );
    return () => {
      stale = true;
    };
  }, [room, balance]);
  if (lines === null) return null;
  const load = () =>
    more.run(async () => {
      const page = await statement(next, room.token);
      setLines((known) => [...(known ?? []), ...page.items]);
      setNext(page.next);
    });
  return (
    <section class="statement" aria-label={t("wallet.statement")}>
      <h3 class="small quiet">{t("wallet.statement")}</h3>
      {lines.length === 0 && <p class="small quiet center">{t("wallet.statement.none")}</p>}
      <ul>
        {lines.map((line) => (
          <li key={line.seq} class="statement-line" data-testid="statement-line" data-kind={line.kind} data-amount={line.amount}>
            <span class="statement-what">
              <span class="ellipsis">{kindText(line.kind)}</span>
              <span class="small quiet ellipsis">{line.reason ?? dayAndTime(line.at_ms, room.now())}</span>
            </span>
            <span class="statement-sums numbers">
              <strong class={line.amount > 0 ? "gain" : ""}>
                {line.amount > 0 ? "+" : "−"}
                {amount(Math.abs(line.amount))}
              </strong>
              <span class="small quiet">{amount(line.balance)}</span>
            </span>
          </li>
        ))}
      </ul>
      {next !== null && (
        <button class="button outline wide" disabled={more.busy} onClick={() => void load()} data-testid="statement-more">
          {t("wallet.more")}
        </button>
      )}
    </section>
  );
}

function kindText(kind: string): string {
  const key = `wallet.kind.${kind}`;
  return isKey(key) ? t(key) : t("wallet.kind.other");
}
