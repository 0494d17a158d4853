import { useEffect, useState } from "preact/hooks";

import { t } from "../i18n";
import { roomSettings, type Recorded } from "../live/api";
import type { Room } from "../live/room";
import { useTask } from "../ui/hooks";
import { ModesPanel } from "../ui/modes";
import { OwnAvatar } from "../ui/own_avatar";
import { toast, toastError } from "../ui/toasts";
import { PausePicture } from "./pause";

export function Settings({ room }: { room: Room }) {
  const { room: info } = room.state.value;
  const [title, setTitle] = useState(info.title);
  const task = useTask();
  const [recording, setRecording] = useState<Recorded>("default");
  useEffect(() => {
    roomSettings(room.id, room.token).then((kept) => setRecording(kept.recording ?? "default"), toastError);
  }, [room]);
  const change = (fields: {
    title?: string;
    recording?: Recorded;
  }) =>
    task.run(() => room.send("room.change", fields).then(() => toast(t("saved")), toastError));
  return (
    <div class="stack settings">
      <form
        class="field"
        onSubmit={(event) => {
          event.preventDefault();
          void change({ title: title.trim() });
        }}
      >
        <label class="label" for="room-title">
          {t("settings.title")}
        </label>
        <div class="composer-row">
          <input
            id="room-title"
            class="input"
            value={title}
            maxLength={120}
            onInput={(event) => setTitle(event.currentTarget.value)}
            data-testid="room-title"
          />
          <button class="button" disabled={task.busy || title.trim() === "" || title.trim() === info.title}>
            {t("save")}
          </button>
        </div>
      </form>
      <div class="field">
        <span class="label">{t("avatar.title")}</span>
        <OwnAvatar room={room} />
      </div>
      <PausePicture room={room} />
      <ModesPanel room={room} />
      <label class="field">
        <span class="label">{t("settings.recording")}</span>
        <select
          class="input"
          value={recording}
          disabled={task.busy}
          onChange={(event) => {
            const chosen = event.currentTarget.value as Recorded;
            setRecording(chosen);
            void change({ recording: chosen });
          }}
          data-testid="recording-mode"
        >
          {(["default", "on", "off"] as const).map((mode) => (
            <option key={mode} value={mode}>
              {t(`settings.recording.${mode}`)}
            </option>
          ))}
        </select>
        <span class="hint">{t("settings.recording.hint")}</span>
      </label>
    </div>
  );
}
