/** The queue on the desk: what waits, and the one item that is worked on, opened in its place. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import { span } from "../i18n/format";
import { t } from "../i18n";
import type { ReviewItem } from "../live/review_wire";
import type { Room } from "../live/room";
import { Empty } from "../ui/basics";
import { useNow } from "../ui/hooks";
import { Icon } from "../ui/icon";
import { found, streamOf } from "../ui/picture_alert";
import type { QueueDesk } from "./queue";
import "./queue.css";
import { QueueItem } from "./queue_item";
import { carryOut, queueActionOf } from "./queue_keys";

export function QueuePanel({ room, queue }: { room: Room; queue: QueueDesk }) {
  const list = useRef<HTMLUListElement>(null);
  const now = useNow(room.now, true, 1_000);
  const shown = queue.shown.value;
  const selected = queue.selected.value;
  const { p50, p90 } = room.staff.review.times.value;
  useLayoutEffect(() => {
    list.current?.querySelector("[aria-current=true]")?.scrollIntoView({ block: "nearest" });
  }, [selected]);
  return (
    <div class="queue" data-testid="queue" data-active={queue.active.value}>
      {(p50 !== null || queue.fresh.value > 0) && <div class="queue-head small quiet">
        {p50 !== null && p90 !== null && (
          <span data-testid="queue-times">
            <Icon name="clock" size={14} /> {t("queue.times", { p50: span(p50), p90: span(p90) })}
          </span>
        )}
        {queue.fresh.value > 0 && (
          <button class="button little" onClick={() => queue.refresh()} data-testid="queue-new">
            {t("queue.new", { n: queue.fresh.value })}
          </button>
        )}
      </div>}
      {shown.length === 0 ? (
        <Empty icon="shield" title={t("queue.empty")}>
          <span class="small">{t("queue.empty.hint")}</span>
        </Empty>
      ) : (
        <ul
          class="queue-list"
          ref={list}
          aria-label={t("queue.list")}
          onPointerEnter={(event) => {
            if (event.pointerType === "mouse") queue.hovered.value = true;
          }}
          onPointerLeave={() => (queue.hovered.value = false)}
        >
          {shown.map((item) => (
            <Row key={item.id} room={room} queue={queue} item={item} now={now} open={item.id === selected} />
          ))}
        </ul>
      )}
    </div>
  );
}

interface RowProps {
  room: Room;
  queue: QueueDesk;
  item: ReviewItem;
  now: number;
  open: boolean;
}

function Row({ room, queue, item, now, open }: RowProps) {
  const waits = item.state === "open";
  const pick = () => {
    queue.active.value = true;
    queue.select(open ? null : item.id);
  };
  return (
    <li class={`queue-row${open ? " open" : ""}${waits ? "" : " done"}`} aria-current={open} data-testid="queue-item" data-id={item.id} data-state={item.state}>
      <button class="queue-line" aria-expanded={open} onClick={pick}>
        <span class={`chip tiny kind-${item.kind}`}>{t(`queue.kind.${item.kind}`)}</span>
        <span class="who ellipsis">{item.upload !== undefined ? t("picture.uploaded") : item.stream === undefined ? item.user.name : streamOf(room, item.kind === "sound" ? "sound" : "picture", item.stream)}</span>
        <span class="queue-text ellipsis">{item.text || found(item.classes ?? [])}</span>
        <Status queue={queue} item={item} now={now} />
      </button>
      {open && <QueueItem room={room} queue={queue} item={item} now={now} />}
    </li>
  );
}

function Status({ queue, item, now }: { queue: QueueDesk; item: ReviewItem; now: number }) {
  if (item.state !== "open") {
    return <span class="small quiet">{t(`queue.done.${item.decision ?? "expired"}`, { name: item.by?.name ?? "" })}</span>;
  }
  if (queue.isMine(item)) return <span class="chip good tiny">{t("queue.yours")}</span>;
  if (queue.isTaken(item)) {
    return (
      <span class="chip wait tiny" data-testid="queue-taken">
        {t("queue.taken", { name: item.claim?.by.name ?? "" })}
      </span>
    );
  }
  return <span class="small quiet numbers">{span(Math.max(1_000, now - item.at_ms))}</span>;
}

/** The queue's keys, before the desk's own: while it has the keyboard, no other list has. */
export function useQueueKeys(queue: QueueDesk, show: () => void): void {
  const [shows] = useState(() => ({ call: show }));
  shows.call = show;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (!queue.active.peek()) {
        if (event.key !== "q" || queueActionOf(event) === null) return;
        shows.call();
        queue.enter();
      } else {
        const action = queueActionOf(event);
        if (action === null) return;
        carryOut(queue, action);
      }
      event.preventDefault();
      event.stopImmediatePropagation();
    };
    document.addEventListener("keydown", onKey, true);
    return () => document.removeEventListener("keydown", onKey, true);
  }, [queue, shows]);
}
