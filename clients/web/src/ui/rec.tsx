/** The sign that a stream is recorded, for everybody in the room. */
import { t } from "../i18n";
import type { Room } from "../live/room";
import "./rec.css";

export function RecSign({ room }: { room: Room }) {
  if (room.state.value.room.recording === undefined) return null;
  return (
    <span class="rec-sign" role="img" aria-label={t("rec.sign.long")} title={t("rec.sign.long")} data-testid="rec-sign">
      <span aria-hidden="true">{t("rec.sign")}</span>
    </span>
  );
}
