/** What became of one's own comments that a moderator is to look at first. */
import { useEffect } from "preact/hooks";

import { clockTime } from "../i18n/format";
import { t } from "../i18n";
import type { Room } from "../live/room";
import { IconButton, Notice } from "./basics";
import { useNow } from "./hooks";
import "./review.css";

/** Long enough to be read, and gone by itself: the comment is there to be seen. */
const RELEASED_SHOWN_MS = 5_000;

export function Held({ room }: { room: Room }) {
  const waiting = room.you.waiting.value;
  const decided = room.you.heldDecided.value;
  const now = useNow(room.now, waiting.length > 0, 1_000);
  const released = decided.find(({ decision }) => decision === "release")?.item;
  useEffect(() => {
    if (released === undefined) return;
    const timer = setTimeout(() => room.you.sawDecided(released), RELEASED_SHOWN_MS);
    return () => clearTimeout(timer);
  }, [room, released]);
  if (waiting.length === 0 && decided.length === 0) return null;
  return (
    <div class="held">
      {decided.map(({ item, decision, reason }) => (
        <Notice key={item} tone={decision === "release" ? "good" : "wait"} icon={decision === "release" ? "check" : "info"} data-testid="held-decided">
          <span class="said">
            <span>{t(`held.${decision}`)}</span>
            {reason && <span class="small">{t("mute.reason.is", { reason })}</span>}
          </span>
          <IconButton icon="close" little label={t("held.close")} onClick={() => room.you.sawDecided(item)} />
        </Notice>
      ))}
      {waiting.map(({ id, text, until_ms }) => (
        <Notice key={id} tone="plain" icon="clock" data-testid="held-notice">
          <span class="said">
            <span>
              {t("held.waits")} <span class="small quiet numbers">{t("held.left", { left: clockTime(until_ms - now) })}</span>
            </span>
            <span class="small quiet ellipsis">{text}</span>
          </span>
        </Notice>
      ))}
    </div>
  );
}
