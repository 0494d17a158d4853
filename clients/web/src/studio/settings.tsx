import { useEffect, useState } from "preact/hooks";

import { span } from "../i18n/format";
import { t } from "../i18n";
import { roomSettings, type Recorded } from "../live/api";
import type { Room } from "../live/room";
import type { WhoMayComment } from "../live/wire";
import { useTask } from "../ui/hooks";
import { toast, toastError } from "../ui/toasts";
import { PausePicture } from "./pause";

const SLOW_MODES_S = [0, 3, 5, 10, 30, 60, 300];

export function Settings({ room }: { room: Room }) {
  const { room: info, settings } = room.state.value;
  const [title, setTitle] = useState(info.title);
  const task = useTask();
  const [recording, setRecording] = useState<Recorded>("default");
  useEffect(() => {
    roomSettings(room.id, room.token).then((kept) => setRecording(kept.recording ?? "default"), toastError);
  }, [room]);
  const change = (fields: {
    title?: string;
    slow_mode_s?: number;
    who_may_comment?: WhoMayComment;
    recording?: Recorded;
  }) =>
    task.run(() => room.send("room.change", fields).then(() => toast(t("saved")), toastError));
  const choices = [...new Set([...SLOW_MODES_S, settings.slow_mode_s])].sort((a, b) => a - b);
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
      <PausePicture room={room} />
      <label class="field">
        <span class="label">{t("settings.slow")}</span>
        <select
          class="input"
          value={settings.slow_mode_s}
          disabled={task.busy}
          onChange={(event) => void change({ slow_mode_s: Number(event.currentTarget.value) })}
          data-testid="slow-mode"
        >
          {choices.map((seconds) => (
            <option key={seconds} value={seconds}>
              {seconds === 0 ? t("settings.slow.off") : t("settings.slow.every", { span: span(seconds * 1000) })}
            </option>
          ))}
        </select>
        <span class="hint">{t("settings.slow.hint")}</span>
      </label>
      <label class="field">
        <span class="label">{t("settings.who")}</span>
        <select
          class="input"
          value={settings.who_may_comment}
          disabled={task.busy}
          onChange={(event) => void change({ who_may_comment: event.currentTarget.value as WhoMayComment })}
          data-testid="who-may-comment"
        >
          <option value="everyone">{t("settings.who.everyone")}</option>
          <option value="moderators">{t("settings.who.moderators")}</option>
        </select>
      </label>
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
