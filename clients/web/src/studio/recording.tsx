/** Whether the stream is recorded, and what is in the way. */
import { t } from "../i18n";
import type { Room } from "../live/room";
import { Notice } from "../ui/basics";
import { useTask } from "../ui/hooks";
import { RecSign } from "../ui/rec";
import { toastError } from "../ui/toasts";

export function RecordSwitch({ room }: { room: Room }) {
  const task = useTask();
  if (!room.can("record")) return null;
  const running = room.state.value.room.recording;
  const trouble = room.staff.recordingTrouble.value;
  const inTheWay = trouble !== null && (trouble.recording === running || trouble.trouble === "quota") ? trouble.trouble : null;
  const turn = () => task.run(() => room.send(running ? "recording.stop" : "recording.start", {}).catch(toastError));
  return (
    <>
      <div class="rec-switch" role="group" aria-label={t("settings.recording")}>
        <RecSign room={room} />
        <span class="hint">{running ? t("rec.hint") : t("rec.off")}</span>
        <button
          class="button outline little"
          disabled={task.busy}
          onClick={() => void turn()}
          data-testid="record-switch"
          data-on={running !== undefined}
        >
          {t(running ? "rec.stop" : "rec.start")}
        </button>
      </div>
      {inTheWay && (
        <Notice tone={inTheWay === "nearly_full" ? "wait" : "bad"} icon="warn" data-testid="record-trouble">
          {t(`rec.trouble.${inTheWay}`)}
        </Notice>
      )}
    </>
  );
}
