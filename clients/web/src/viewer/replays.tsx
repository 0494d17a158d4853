/** A room's replays, for who comes while nobody is live. */
import { useEffect, useState } from "preact/hooks";

import { clockTime, dayAndTime } from "../i18n/format";
import { t } from "../i18n";
import type { Room } from "../live/room";
import { recordingsOf, type Recording } from "../replay/wire";
import { Icon } from "../ui/icon";

const SHOWN = 4;

export function Replays({ room }: { room: Room }) {
  const [items, setItems] = useState<readonly Recording[]>([]);
  const status = room.status.value;
  const over = status === "idle" || status === "ended";
  useEffect(() => {
    if (!over) return;
    recordingsOf(room.id, room.token).then(
      (page) => setItems(page.items.filter(({ status }) => status === "ready").slice(0, SHOWN)),
      () => undefined, // then there are none to be seen
    );
  }, [room, over]);
  if (!over || items.length === 0) return null;
  return (
    <nav class="replays" aria-label={t("replay.list")} data-testid="replays">
      <h2 class="small">{t("replay.list")}</h2>
      <ul>
        {items.map((each) => (
          <li key={each.id}>
            <a class="replay-link" href={`/replay/${each.id}`} data-testid="replay-link">
              {each.poster ? <img src={each.poster} alt="" loading="lazy" /> : <Icon name="film" size={18} />}
              <span class="ellipsis">{each.title}</span>
              <span class="small numbers">
                {dayAndTime(each.started_at_ms, Date.now())} · {clockTime(each.duration_ms)}
              </span>
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}
