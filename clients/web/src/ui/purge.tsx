/** Masking a comment and deleting all of somebody's: asked first, as neither can be taken back. */
import { t } from "../i18n";
import type { Room } from "../live/room";
import { commentOf, type LiveEvent, type Person } from "../live/wire";
import { Confirm } from "./sheet";
import { toast, toastError } from "./toasts";

const RECENT_MS = 3_600_000;

export function MaskConfirm({ room, event, onClose }: { room: Room; event: LiveEvent; onClose: () => void }) {
  return (
    <Confirm
      title={t("mask.ask")}
      text={t("mask.ask.text", { text: commentOf(event).text })}
      action={t("mask.action")}
      onYes={() => {
        onClose();
        room.send("moderate.mask", { event: event.id }).then(() => toast(t("mask.done")), toastError);
      }}
      onClose={onClose}
    />
  );
}

export function PurgeConfirm({ room, user, onClose }: { room: Room; user: Person; onClose: () => void }) {
  const purge = (since?: number) => {
    onClose();
    room
      .send("moderate.purge", { user: user.id, ...(since === undefined ? {} : { since_ms: since }) })
      .then(({ count }) => toast(t("purge.done", { name: user.name, n: count })), toastError);
  };
  return (
    <Confirm
      title={t("purge.ask", { name: user.name })}
      text={t("purge.ask.text", { name: user.name })}
      action={t("purge.action")}
      onYes={() => purge()}
      other={{ action: t("purge.recent"), onYes: () => purge(room.now() - RECENT_MS) }}
      onClose={onClose}
    />
  );
}
