/** Taking down somebody's picture: asked first, and why. */
import { useState } from "preact/hooks";

import { errorText } from "../i18n/errors";
import { t } from "../i18n";
import type { Room } from "../live/room";
import type { Person } from "../live/wire";
import { Avatar, Notice } from "../ui/basics";
import { useTask } from "../ui/hooks";
import { Sheet } from "../ui/sheet";
import { toast } from "../ui/toasts";

/** Nothing for who shows none, and for who may not. */
export function FaceOf({ room, user }: { room: Room; user: Person }) {
  const [asking, setAsking] = useState(false);
  if (!user.avatar || !room.can("delete_comment")) return null;
  return (
    <div class="style-row">
      <Avatar id={user.id} name={user.name} avatar={user.avatar} size={32} />
      <button
        class="button little outline"
        onClick={() => setAsking(true)}
        aria-label={t("avatar.take_down.label", { name: user.name })}
        data-testid="avatar-take-down"
      >
        {t("avatar.take_down")}
      </button>
      {asking && <TakeDownSheet room={room} user={user} onClose={() => setAsking(false)} />}
    </div>
  );
}

function TakeDownSheet({ room, user, onClose }: { room: Room; user: Person; onClose: () => void }) {
  const { name } = user;
  const [reason, setReason] = useState(() => t("avatar.take_down.reason"));
  const task = useTask();
  const act = async () => {
    if (!(await task.run(() => room.send("avatar.remove", { user: user.id, reason: reason.trim() })))) return;
    toast(t("avatar.take_down.done", { name }));
    onClose();
  };
  return (
    <Sheet title={t("avatar.take_down.ask", { name })} onClose={onClose} data-testid="take-down-sheet">
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void act();
        }}
      >
        <div class="take-down">
          <Avatar id={user.id} name={name} avatar={user.avatar} size={120} />
          <p class="quiet">{t("avatar.take_down.text", { name })}</p>
        </div>
        <label class="field">
          <span class="label">{t("mute.why")}</span>
          <input
            class="input"
            value={reason}
            maxLength={200}
            onInput={(event) => setReason(event.currentTarget.value)}
            data-testid="take-down-reason"
          />
        </label>
        {task.refusal && <Notice tone="bad" icon="warn">{errorText(task.refusal)}</Notice>}
        <button class="button danger wide" disabled={task.busy || reason.trim() === ""} data-testid="take-down-confirm">
          {t("avatar.take_down")}
        </button>
      </form>
    </Sheet>
  );
}
