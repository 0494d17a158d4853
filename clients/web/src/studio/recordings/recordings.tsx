/** The host's recordings: watch, rename, show or hide, keep, cut clips, download, delete. */
import { useSignal, type Signal } from "@preact/signals";
import { useCallback, useEffect, useState } from "preact/hooks";

import { clockTime, dayAndTime } from "../../i18n/format";
import { errorText } from "../../i18n/errors";
import { t } from "../../i18n";
import type { Room } from "../../live/room";
import { recordingsOf, type Recording } from "../../replay/wire";
import { Empty, Notice, Spinner } from "../../ui/basics";
import { useTask } from "../../ui/hooks";
import { Icon } from "../../ui/icon";
import { ManageSheet } from "./manage";
import "./recordings.css";

/** What runs grows, and what has ended is ready a moment later. */
const AGAIN_MS = 3_000;

export function Recordings({ room }: { room: Room }) {
  const [items, setItems] = useState<readonly Recording[] | null>(null);
  const managed: Signal<string | null> = useSignal(null);
  const task = useTask();
  const status = room.status.value;
  const running = room.state.value.room.recording;
  const load = useCallback(async () => setItems((await recordingsOf(room.id, room.token)).items), [room]);
  const { run } = task;
  useEffect(() => void run(load), [load, status, running]); // eslint-disable-line react-hooks/exhaustive-deps
  const changing = running !== undefined || (items ?? []).some((each) => each.status === "recording");
  useEffect(() => {
    if (!changing) return;
    const timer = setInterval(() => void load().catch(() => undefined), AGAIN_MS);
    return () => clearInterval(timer);
  }, [changing, load]);
  const card = items?.find(({ id }) => id === managed.value);
  return (
    <section class="recordings-tab" aria-label={t("recordings.tab")}>
      {task.refusal && <Notice tone="bad">{errorText(task.refusal)}</Notice>}
      {items === null && !task.refusal && (
        <div class="empty">
          <Spinner />
        </div>
      )}
      {items?.length === 0 && (
        <Empty icon="film" title={t("recordings.empty")}>
          <span class="small">{t("recordings.empty.hint")}</span>
        </Empty>
      )}
      <ul class="recordings">
        {(items ?? []).map((each) => (
          <Row key={each.id} card={each} onManage={() => (managed.value = each.id)} />
        ))}
      </ul>
      {card && <ManageSheet room={room} card={card} onChanged={() => void run(load)} onClose={() => (managed.value = null)} />}
    </section>
  );
}

function Row({ card, onManage }: { card: Recording; onManage: () => void }) {
  const ready = card.status === "ready";
  return (
    <li class="recording" data-testid="recording" data-id={card.id} data-status={card.status}>
      {card.poster ? <img class="recording-poster" src={card.poster} alt="" loading="lazy" /> : <span class="recording-poster"><Icon name="film" /></span>}
      <div class="recording-text">
        <strong class="ellipsis">{card.title}</strong>
        <span class="small quiet numbers">
          {dayAndTime(card.started_at_ms, Date.now())} · {clockTime(card.duration_ms)} · {megabytes(card.bytes)}
        </span>
        <span class="recording-chips">
          {card.status === "recording" && <span class="chip bad">{t("recordings.recording")}</span>}
          {card.status === "failed" && <span class="chip wait">{t("recordings.failed")}</span>}
          {ready && <span class={`chip${card.public ? " good" : ""}`}>{t(card.public ? "recordings.public" : "recordings.private")}</span>}
        </span>
      </div>
      <div class="recording-tools">
        {ready && (
          <a class="button outline little" href={`/replay/${card.id}`} target="_blank" rel="noopener" data-testid="recording-watch">
            {t("recordings.watch")}
            <span class="unseen">: {card.title}</span>
          </a>
        )}
        {card.status !== "recording" && (
          <button class="button outline little" onClick={onManage} data-testid="recording-manage">
            {t("recordings.manage")}
            <span class="unseen">: {card.title}</span>
          </button>
        )}
      </div>
    </li>
  );
}

export function megabytes(bytes: number): string {
  if (bytes < 1e6) return `${Math.round(bytes / 1e3)} kB`;
  return bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
