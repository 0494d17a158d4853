/** Before going on stage: how one looks and whether one is heard, and a way out. */
import { useEffect, useState } from "preact/hooks";

import { errorText } from "../../i18n/errors";
import { t } from "../../i18n";
import { asRefusal } from "../../live/errors";
import type { Room } from "../../live/room";
import type { Guest } from "../../live/stage_wire";
import { watchLevel } from "../../media/level";
import { Notice, Spinner } from "../../ui/basics";
import { Countdown } from "../../ui/countdown";
import { useTask } from "../../ui/hooks";
import { Icon } from "../../ui/icon";
import { Sheet } from "../../ui/sheet";
import { toastError } from "../../ui/toasts";
import { OwnVideo } from "./pictures";
import type { OwnPicture } from "./own";

interface InvitationProps {
  room: Room;
  own: OwnPicture;
  guest: Guest;
  onClose: () => void;
}

export function InvitationSheet({ room, own, guest, onClose }: InvitationProps) {
  const task = useTask();
  const { host } = room.state.value.room;
  const invited = guest.status === "invited";
  const decline = () => {
    onClose();
    own.release();
    const sent = invited ? room.send("guest.answer", { accept: false }) : room.send("guest.withdraw", {});
    void sent.catch(toastError);
  };
  const go = async () => {
    if (await task.run(() => own.go())) onClose();
  };
  return (
    <Sheet title={t("guest.sheet.title")} onClose={onClose} data-testid="guest-sheet">
      <p class="quiet">
        {t(invited ? "guest.sheet.invited" : "guest.sheet.resume", { host: host.name })}{" "}
        {guest.until_ms !== null && <Countdown untilMs={guest.until_ms} now={room.now} />}
      </p>
      <Mirror own={own} />
      {task.refusal && (
        <Notice tone="bad" icon="warn">
          {errorText(asRefusal(task.refusal))}
        </Notice>
      )}
      <button class="button primary wide" disabled={task.busy || own.stream.value === null} onClick={() => void go()} data-testid="guest-go">
        {task.busy ? <Spinner /> : <Icon name="camera" />}
        {t("guest.go")}
      </button>
      <button class="button outline wide" onClick={decline} data-testid="guest-decline">
        {t(invited ? "guest.decline" : "guest.leave")}
      </button>
    </Sheet>
  );
}

/** The devices begin to work by a click, never because somebody else has invited. */
function Mirror({ own }: { own: OwnPicture }) {
  const trouble = own.trouble.value;
  if (own.stream.value) {
    return (
      <div class="mirror">
        <OwnVideo own={own} />
        <Level stream={own.stream.value} />
      </div>
    );
  }
  return (
    <div class="mirror">
      <div class="mirror-note" role={trouble ? "alert" : undefined}>
        <Icon name={trouble ? "warn" : "camera"} size={34} />
        {trouble && <strong>{t(`capture.${trouble}.title`)}</strong>}
        <span>{t(trouble ? `capture.${trouble}` : "guest.devices.hint")}</span>
        <button class="button light" disabled={own.opening.value} onClick={() => void own.open()} data-testid="guest-devices">
          {own.opening.value ? <Spinner /> : null}
          {t(trouble ? "capture.again" : "guest.devices")}
        </button>
      </div>
    </div>
  );
}

function Level({ stream }: { stream: MediaStream }) {
  const [level, setLevel] = useState(0);
  useEffect(() => watchLevel(stream, setLevel), [stream]);
  const percent = Math.round(level * 100);
  return (
    <div class="mirror-level" role="meter" aria-label={t("level.label")} aria-valuemin={0} aria-valuemax={100} aria-valuenow={percent} data-testid="guest-level">
      <Icon name="mic" size={16} />
      <i>
        <b style={{ width: `${percent}%` }} />
      </i>
    </div>
  );
}
