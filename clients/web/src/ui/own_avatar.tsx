/** Choosing, changing and removing one's own picture. */
import { useEffect, useState } from "preact/hooks";

import { errorText } from "../i18n/errors";
import { span } from "../i18n/format";
import { t } from "../i18n";
import { clearAvatar, setAvatar, squareOf } from "../live/avatar";
import type { Room } from "../live/room";
import { Avatar, Notice } from "./basics";
import { useTask } from "./hooks";
import { Icon } from "./icon";
import "./own_avatar.css";
import { Sheet } from "./sheet";
import { toast } from "./toasts";

export function ProfileSheet({ room, onClose }: { room: Room; onClose: () => void }) {
  return (
    <Sheet title={t("avatar.title")} onClose={onClose} data-testid="profile-sheet">
      <OwnAvatar room={room} />
    </Sheet>
  );
}

/** Nothing for guests: who has no account has no picture. */
export function OwnAvatar({ room }: { room: Room }) {
  const [draft, setDraft] = useState<Draft | null>(null);
  const [sent, setSent] = useState<number | null>(null);
  const task = useTask();
  const user = room.you.user.value;
  useEffect(() => () => URL.revokeObjectURL(draft?.url ?? ""), [draft]);
  if (!user) return null;

  const choose = (file: File | undefined) => {
    if (file) void task.run(async () => setDraft(drafted(await squareOf(file))));
  };
  const use = ({ picture }: Draft) =>
    task.run(async () => {
      setSent(0);
      try {
        room.you.setAvatar((await setAvatar(picture, room.token, setSent)).avatar);
      } finally {
        setSent(null);
      }
      setDraft(null);
      toast(t("avatar.set"));
    });
  const clear = () =>
    task.run(async () => {
      await clearAvatar(room.token);
      room.you.setAvatar(null);
      toast(t("avatar.cleared"));
    });
  return (
    <div class="own-avatar" data-testid="own-avatar">
      <div class="own-avatar-head">
        {draft ? (
          <img class="own-avatar-draft" src={draft.url} alt={t("avatar.preview")} data-testid="avatar-preview" />
        ) : (
          <Avatar id={user.id} name={user.name} avatar={user.avatar} size={88} />
        )}
        <div class="own-avatar-text">
          <strong class="ellipsis">{user.name}</strong>
          <span class="hint">{t(draft ? "avatar.preview" : "avatar.hint")}</span>
        </div>
      </div>
      <Removed room={room} />
      {sent !== null && <progress class="own-avatar-sent" value={sent} max={1} aria-label={t("avatar.sending")} />}
      {task.refusal && (
        <Notice tone="bad" icon="warn" data-testid="avatar-refused">
          {errorText(task.refusal)}
        </Notice>
      )}
      <div class="composer-row">
        {draft && (
          <button class="button primary" disabled={task.busy} onClick={() => void use(draft)} data-testid="avatar-use">
            {t("avatar.use")}
          </button>
        )}
        <label class={`button ${draft ? "outline" : "primary"}${task.busy ? " busy" : ""}`}>
          <Icon name="picture" />
          {t(draft || user.avatar ? "avatar.change" : "avatar.choose")}
          <input
            type="file"
            class="unseen"
            accept="image/*"
            disabled={task.busy}
            onChange={(event) => {
              choose(event.currentTarget.files?.[0]);
              event.currentTarget.value = ""; // the same file may be chosen again
            }}
            data-testid="avatar-file"
          />
        </label>
        {draft && (
          <button class="button outline" disabled={task.busy} onClick={() => setDraft(null)}>
            {t("cancel")}
          </button>
        )}
        {!draft && user.avatar && (
          <button class="button outline" disabled={task.busy} onClick={() => void clear()} data-testid="avatar-remove">
            {t("avatar.remove")}
          </button>
        )}
      </div>
    </div>
  );
}

interface Draft {
  picture: Blob;
  url: string;
}

function drafted(picture: Blob): Draft {
  return { picture, url: URL.createObjectURL(picture) };
}

/** What a moderator has done about it, and why. */
function Removed({ room }: { room: Room }) {
  const removed = room.you.avatarRemoved.value;
  if (!removed) return null;
  const left = removed.until_ms - room.now();
  return (
    <Notice tone="bad" icon="warn" data-testid="avatar-removed">
      <div>{removed.reason ? t("avatar.removed.reason", { reason: removed.reason }) : t("avatar.removed")}</div>
      {left > 0 && <div>{t("avatar.removed.until", { wait: span(left) })}</div>}
    </Notice>
  );
}
