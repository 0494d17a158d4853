/** Muting somebody: for how long and why. Used by the studio and the desk. */
import { useState } from "preact/hooks";

import { errorText } from "../i18n/errors";
import { t, type Key } from "../i18n";
import type { Room } from "../live/room";
import type { Person } from "../live/wire";
import { Notice } from "./basics";
import { useTask } from "./hooks";
import { Sheet } from "./sheet";
import { toast } from "./toasts";

export const DURATIONS: readonly { seconds: number | null; label: Key }[] = [
  { seconds: 60, label: "mute.for.minute" },
  { seconds: 600, label: "mute.for.10minutes" },
  { seconds: 3_600, label: "mute.for.hour" },
  { seconds: 86_400, label: "mute.for.day" },
  { seconds: 604_800, label: "mute.for.week" },
  { seconds: null, label: "mute.for.open" },
];

export const REASONS: readonly Key[] = ["reason.spam", "reason.abuse", "reason.scam", "reason.other"];

export async function muteNow(room: Room, user: Person, seconds: number | null, reason: string): Promise<void> {
  await room.send("moderate.mute", { user: user.id, seconds, reason });
  toast(t("mute.done", { name: user.name }));
}

export function MuteSheet({ room, user, onClose }: { room: Room; user: Person; onClose: () => void }) {
  const [seconds, setSeconds] = useState<number | null>(600);
  const [reason, setReason] = useState(() => t("reason.spam"));
  const task = useTask();
  const mute = async () => {
    if (await task.run(() => muteNow(room, user, seconds, reason.trim()))) onClose();
  };
  return (
    <Sheet title={t("mute.title", { name: user.name })} onClose={onClose} data-testid="mute-sheet">
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void mute();
        }}
      >
        <div class="field" role="group" aria-label={t("mute.how_long")}>
          <span class="label">{t("mute.how_long")}</span>
          <div class="style-row">
            {DURATIONS.map((each) => (
              <button
                key={each.label}
                type="button"
                class={`button little ${each.seconds === seconds ? "primary" : "outline"}`}
                aria-pressed={each.seconds === seconds}
                onClick={() => setSeconds(each.seconds)}
                data-testid={`mute-for-${each.seconds ?? "open"}`}
              >
                {t(each.label)}
              </button>
            ))}
          </div>
        </div>
        <label class="field">
          <span class="label">{t("mute.why")}</span>
          <input
            class="input"
            value={reason}
            maxLength={200}
            required
            list="mute-reasons"
            onInput={(event) => setReason(event.currentTarget.value)}
            data-testid="mute-reason-input"
          />
          <datalist id="mute-reasons">
            {REASONS.map((key) => (
              <option key={key} value={t(key)} />
            ))}
          </datalist>
          <span class="hint">{t("mute.why.hint")}</span>
        </label>
        {task.refusal && <Notice tone="bad" icon="warn">{errorText(task.refusal)}</Notice>}
        <button class="button primary wide" disabled={task.busy || reason.trim() === ""} data-testid="mute-confirm">
          {t("mute.action")}
        </button>
      </form>
    </Sheet>
  );
}
