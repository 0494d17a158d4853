/** One item of the queue, opened: what was said, what hit, who it was, what was said around it, what to do. */
import { useEffect, useRef, useState } from "preact/hooks";

import { clockTime, span, timeOfDay } from "../i18n/format";
import { isKey, t } from "../i18n";
import { reviewItem } from "../live/api";
import { pieces } from "../live/review";
import type { ReviewItem, ReviewReason, WholeReviewItem, Why } from "../live/review_wire";
import type { Room } from "../live/room";
import { commentOf } from "../live/wire";
import { Avatar, Notice } from "../ui/basics";
import { found, Still } from "../ui/picture_alert";
import { HeardWords, Listen } from "../ui/sound_alert";
import type { QueueDesk } from "./queue";
import { DECISIONS } from "./queue_keys";

interface QueueItemProps {
  room: Room;
  queue: QueueDesk;
  item: ReviewItem;
  now: number;
}

export function QueueItem({ room, queue, item, now }: QueueItemProps) {
  const whole = useWhole(room, item.id);
  return (
    <div class="queue-item" data-testid="queue-detail">
      {item.user.id !== "" && (
        <div class="queue-who">
          <Avatar id={item.user.id} name={item.user.name} avatar={whole?.user.avatar ?? item.user.avatar} size={32} />
          <strong class="ellipsis">{item.user.name}</strong>
        </div>
      )}
      <p class="queue-said" data-testid="queue-said">
        <Said item={item} />
      </p>
      {item.upload !== undefined && <p class="small">{t("picture.withheld.hint")}</p>}
      {item.picture && <Still key={item.picture} room={room} path={item.picture} />}
      {item.sound && <Listen key={item.sound} room={room} path={item.sound} />}
      <Facts item={item} now={now} />
      {item.state === "open" && <Again queue={queue} item={item} />}
      {item.state === "open" && <Actions queue={queue} item={item} now={now} />}
      {whole && item.kind !== "picture" && item.kind !== "sound" && <Surroundings whole={whole} />}
    </div>
  );
}

function Said({ item }: { item: ReviewItem }) {
  if (item.kind === "sound") return <HeardWords heard={item} />;
  return item.classes ? <>{found(item.classes)}</> : <Marked text={item.text ?? ""} reasons={item.reasons ?? []} />;
}

/** The text with what the rules hit in it set off. */
export function Marked({ text, reasons }: { text: string; reasons: readonly ReviewReason[] }) {
  return (
    <>
      {pieces(text, reasons).map(({ piece, hit }, n) => (hit ? <mark key={n}>{piece}</mark> : <span key={n}>{piece}</span>))}
    </>
  );
}

function Facts({ item, now }: { item: ReviewItem; now: number }) {
  const rules = rulesOf(item.reasons ?? []);
  const whys = Object.entries(item.whys ?? {}) as [Why, number][];
  const { sanction } = item;
  return (
    <ul class="queue-facts small">
      {rules.map((rule) => (
        <li key={rule}>
          <span class="quiet">{t("queue.rule")}</span> <code>{rule}</code>
        </li>
      ))}
      {item.reports !== undefined && (
        <li>
          {item.reports === 1 ? t("queue.report") : t("queue.reports", { n: item.reports })}
          {whys.map(([why, n]) => (
            <span key={why} class="chip tiny">
              {t(`why.${why}`)}
              {n > 1 && ` ×${n}`}
            </span>
          ))}
          {item.hidden && <span class="chip wait tiny">{t("queue.hidden")}</span>}
        </li>
      )}
      {(item.texts ?? []).map(({ text }) => (
        <li key={text} class="quiet">
          “{text}”
        </li>
      ))}
      {sanction && (
        <li>
          {said(sanction)} ·{" "}
          {sanction.until_ms === null ? t("queue.sanction.open") : t("queue.sanction.until", { left: clockTime(sanction.until_ms - now) })}
        </li>
      )}
      <li class="quiet numbers">
        {t("queue.waits", { time: span(Math.max(1_000, now - item.at_ms)) })}
        {item.due_at_ms !== null && item.state === "open" && ` · ${t("queue.left", { time: clockTime(item.due_at_ms - now) })}`}
      </li>
    </ul>
  );
}

/** That the filter would do something else by now. */
function Again({ queue, item }: { queue: QueueDesk; item: ReviewItem }) {
  const again = queue.again.value;
  if (again?.id !== item.id) return null;
  const { verdict, reasons } = again.now;
  const rules = rulesOf(reasons.filter((reason) => reason.verdict === verdict));
  return (
    <Notice tone={verdict === "deny" ? "bad" : "wait"} icon={verdict === "deny" ? "warn" : "info"} data-testid="queue-now">
      {t(`queue.now.${verdict}`)}
      {rules.map((rule) => (
        <code key={rule} class="queue-rule">
          {rule}
        </code>
      ))}
    </Notice>
  );
}

function rulesOf(reasons: readonly ReviewReason[]): string[] {
  return [...new Set(reasons.map(({ code, rule }) => (rule ? `${code} · ${rule}` : code)))];
}

function said({ kind, by, reason }: NonNullable<ReviewItem["sanction"]>): string {
  const key = `queue.sanction.${kind}`;
  return isKey(key) ? t(key, { by: by.name, reason: reason || t("queue.no_reason") }) : reason;
}

function Actions({ queue, item, now }: { queue: QueueDesk; item: ReviewItem; now: number }) {
  const [reason, setReason] = useState("");
  const input = useRef<HTMLInputElement>(null);
  const asks = queue.asksReason.value;
  const taken = queue.isTaken(item) && (item.claim?.until_ms ?? 0) > now;
  const [off, against] = DECISIONS[item.kind];
  const label = t(item.kind === "picture" ? "picture.note" : "queue.reason");
  useEffect(() => {
    if (asks) input.current?.focus();
  }, [asks]);
  return (
    <form
      class="queue-actions"
      onSubmit={(event) => {
        event.preventDefault();
        void queue.decide(item, against, reason);
      }}
    >
      <input
        ref={input}
        class="input"
        value={reason}
        maxLength={200}
        required={asks}
        aria-label={label}
        placeholder={asks ? t("queue.reason.needed") : label}
        onInput={(event) => setReason(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") event.currentTarget.blur();
        }}
        data-testid="queue-reason"
      />
      <div class="style-row">
        <button type="button" class="button little primary" disabled={taken} onClick={() => void queue.decide(item, off, reason)} data-testid={`queue-${off}`}>
          {decisionLabel(item, off)} <kbd>{item.kind === "appeal" ? "g" : "a"}</kbd>
        </button>
        <button type="submit" class="button little danger" disabled={taken} data-testid={`queue-${against}`}>
          {decisionLabel(item, against)} <kbd>r</kbd>
        </button>
      </div>
    </form>
  );
}

function decisionLabel(item: ReviewItem, decision: string): string {
  const own = `queue.${decision}.${item.kind}`;
  if (isKey(own)) return t(own);
  const plain = `queue.${decision}`;
  return isKey(plain) ? t(plain) : decision;
}

const RECORD = {
  held_refuse: "queue.record.refused",
  held_release: "queue.record.released",
  held_expired: "queue.record.expired",
  report_uphold: "queue.record.upheld",
  report_dismiss: "queue.record.dismissed",
} as const;

function Surroundings({ whole }: { whole: WholeReviewItem }) {
  const record = Object.entries(RECORD).flatMap(([name, key]) => {
    const n = whole.history[name];
    return n ? [t(key, { n })] : [];
  });
  return (
    <>
      <p class="small" data-testid="queue-record">
        <span class="quiet">{t("queue.record")}:</span> {record.join(", ") || t("queue.record.clean")}
      </p>
      {whole.around.length > 0 && (
        <div class="queue-around small">
          <span class="quiet">{t("queue.around")}</span>
          <ul>
            {whole.around.map((event) => (
              <li key={event.id}>
                <time class="quiet numbers">{timeOfDay(event.at_ms)}</time> <strong>{event.user?.name}</strong> {commentOf(event).text}
              </li>
            ))}
          </ul>
        </div>
      )}
    </>
  );
}

/** The item with what surrounds it, once that is here; without, it can be decided as well. */
function useWhole(room: Room, id: string): WholeReviewItem | null {
  const [whole, set] = useState<WholeReviewItem | null>(null);
  useEffect(() => {
    let wanted = true;
    reviewItem(room.id, id, room.token).then(
      (found) => {
        if (wanted) set(found);
      },
      () => undefined,
    );
    return () => {
      wanted = false;
    };
  }, [room, id]);
  return whole?.id === id ? whole : null;
}
