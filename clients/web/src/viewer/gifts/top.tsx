/** Who gave most, and how far one is as a fan. */
import { useEffect, useState } from "preact/hooks";

import { errorText } from "../../i18n/errors";
import { coins } from "../../i18n/format";
import { t } from "../../i18n";
import { giftBoard } from "../../live/api";
import type { Board, FanLevel, Span } from "../../live/gifts";
import type { Room } from "../../live/room";
import { Avatar, Empty, Notice } from "../../ui/basics";
import { useTask } from "../../ui/hooks";
import { Sheet } from "../../ui/sheet";
import { Tabs } from "../../ui/tabs";
import "./gifts.css";

const SPANS: readonly Span[] = ["stream", "week", "all"];
/** A board is read anew at most so often. */
const AGAIN_MS = 2_000;

export function TopSheet({ room, onClose }: { room: Room; onClose: () => void }) {
  return (
    <Sheet title={t("gift.top")} onClose={onClose} data-testid="gift-top">
      <TopList room={room} />
    </Sheet>
  );
}

export function TopList({ room }: { room: Room }) {
  const [span, setSpan] = useState<Span>("stream");
  const [board, setBoard] = useState<Board | null>(null);
  const task = useTask();
  const changes = useCalm(room.gifts.changes.value, AGAIN_MS);
  useEffect(() => {
    let wanted = true;
    void task.run(async () => {
      const read = await giftBoard(room.id, span, room.token);
      if (wanted) setBoard(read);
    });
    return () => {
      wanted = false;
    };
    // The task changes with every run.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [room, span, changes]);
  const items = board?.items ?? [];
  const own = board?.you;
  return (
    <Tabs
      tabs={SPANS.map((name) => ({ name, label: t(`gift.span.${name}`) }))}
      current={span}
      label={t("gift.top")}
      onChange={setSpan}
    >
      {task.refusal && <Notice tone="bad" icon="warn">{errorText(task.refusal)}</Notice>}
      {board && items.length === 0 && <Empty icon="gift" title={t("gift.top.none")} />}
      <ol class="gift-board">
        {items.map((row) => (
          <Row key={row.user.id} row={row} />
        ))}
        {own && !items.some((row) => row.place === own.place) && <Row row={own} />}
      </ol>
      {board?.fan && room.you.role.value !== "host" && <Fan fan={board.fan} />}
    </Tabs>
  );
}

function Row({ row }: { row: Board["items"][number] }) {
  return (
    <li class="line" data-testid="gift-place" data-user={row.user.id} data-coins={row.coins}>
      <strong class={`place numbers place-${row.place}`}>{row.place}</strong>
      <Avatar id={row.user.id} name={row.user.name} avatar={row.user.avatar} size={30} />
      <span class="ellipsis">{row.user.name}</span>
      <strong class="numbers push">{coins(row.coins)}</strong>
    </li>
  );
}

export function Fan({ fan }: { fan: FanLevel }) {
  return (
    <div class="fan-progress" data-testid="fan-level" data-level={fan.level}>
      <span class="small">{t("gift.fan", { level: fan.level, points: fan.points, next: fan.next })}</span>
      <progress value={fan.points} max={fan.next} aria-hidden="true" />
    </div>
  );
}

/** `value` as it was at most `everyMs` ago: for what changes faster than one wants to ask. */
function useCalm(value: number, everyMs: number): number {
  const [calm, set] = useState(value);
  useEffect(() => {
    if (calm === value) return;
    const timer = setTimeout(() => set(value), everyMs);
    return () => clearTimeout(timer);
  }, [calm, value, everyMs]);
  return calm;
}
