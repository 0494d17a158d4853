/** The pause: a button while something is on the air, and the picture that viewers see meanwhile. */
import { useEffect } from "preact/hooks";

import { t } from "../i18n";
import { uploadPicture } from "../live/api";
import type { Room } from "../live/room";
import { Notice, Spinner } from "../ui/basics";
import { useTask } from "../ui/hooks";
import { Icon } from "../ui/icon";
import { toastError } from "../ui/toasts";
import type { Broadcast } from "./broadcast";

/** So long after viewers were told their pages hold the last frame; then the camera goes dark. */
const DARK_AFTER_MS = 400;

export function PauseButton({ room, broadcast }: { room: Room; broadcast: Broadcast }) {
  const task = useTask();
  const { on = false, picture = null } = room.state.value.room.pause ?? {};
  const sending = broadcast.publisher.air.value !== "off";
  useEffect(() => {
    if (!on) {
      broadcast.mute(false);
      return;
    }
    const timer = setTimeout(() => broadcast.mute(true), DARK_AFTER_MS);
    return () => clearTimeout(timer);
  }, [on, broadcast]);
  const toggle = () => task.run(() => room.send("room.pause", { on: !on, picture }).catch(toastError));
  return (
    <>
      <button class="button wide" aria-pressed={on} disabled={task.busy} onClick={() => void toggle()} data-testid="pause">
        {task.busy ? <Spinner /> : <Icon name={on ? "play" : "pause"} />}
        {t(on ? "pause.on" : "pause")}
      </button>
      {on && (
        <div data-testid="pause-note">
          <Notice tone="wait" icon="info">
            {t(sending ? "pause.now" : "pause.encoder")}
          </Notice>
        </div>
      )}
    </>
  );
}

export function PausePicture({ room }: { room: Room }) {
  const task = useTask();
  const { on = false, picture = null } = room.state.value.room.pause ?? {};
  const set = (to: string | null) => room.send("room.pause", { on, picture: to });
  const choose = (file: File | undefined) => {
    if (file) void task.run(() => uploadPicture(room.id, file, room.token).then(({ url }) => set(url)).catch(toastError));
  };
  return (
    <div class="field">
      <span class="label">{t("pause.picture")}</span>
      {picture && <img class="pause-preview" src={picture} alt={t("pause.picture")} data-testid="pause-preview" />}
      <div class="composer-row">
        <label class={`button outline${task.busy ? " busy" : ""}`}>
          {t("pause.picture.choose")}
          <input
            type="file"
            class="unseen"
            accept="image/jpeg,image/png,image/webp"
            disabled={task.busy}
            onChange={(event) => choose(event.currentTarget.files?.[0])}
            data-testid="pause-picture-file"
          />
        </label>
        {picture && (
          <button class="button little" disabled={task.busy} onClick={() => void task.run(() => set(null).catch(toastError))}>
            {t("pause.picture.remove")}
          </button>
        )}
      </div>
      <span class="hint">{t("pause.picture.hint")}</span>
    </div>
  );
}
