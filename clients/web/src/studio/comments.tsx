import { useSignal } from "@preact/signals";

import { t } from "../i18n";
import type { Room } from "../live/room";
import type { LiveEvent, Person } from "../live/wire";
import { IconButton } from "../ui/basics";
import { Chat } from "../ui/chat";
import { Composer } from "../ui/composer";
import { invite, mayInvite } from "../ui/guests";
import { MuteSheet } from "../ui/mute";
import { Confirm } from "../ui/sheet";
import { toast, toastError } from "../ui/toasts";

/** The comments with the host's tools beside each. */
export function Comments({ room }: { room: Room }) {
  const replyTo = useSignal<LiveEvent | null>(null);
  const muting = useSignal<Person | null>(null);
  const promoting = useSignal<Person | null>(null);
  const promote = (user: Person) => {
    promoting.value = null;
    room.send("room.grant", { user: user.id, role: "moderator" }).then(
      () => toast(t("grant.done", { name: user.name })),
      toastError,
    );
  };
  const tools = (event: LiveEvent) => {
    const { user } = event;
    const others = user && user.id !== room.you.user.value?.id ? user : null;
    return (
      <>
        <IconButton icon="reply" little label={t("reply")} onClick={() => (replyTo.value = event)} />
        {others && (
          <IconButton
            icon="mute"
            little
            label={t("mute.label", { name: others.name })}
            onClick={() => (muting.value = others)}
            data-testid="mute-button"
          />
        )}
        {others && mayInvite(room, others) && (
          <IconButton
            icon="camera"
            little
            label={t("guests.invite.label", { name: others.name })}
            onClick={() => invite(room, others)}
            data-testid="invite-button"
          />
        )}
        {others && room.can("grant_role") && !others.badges.includes("moderator") && (
          <IconButton
            icon="shield"
            little
            label={t("grant.label", { name: others.name })}
            onClick={() => (promoting.value = others)}
          />
        )}
        <IconButton
          icon="trash"
          little
          label={t("delete.label")}
          onClick={() => void room.send("moderate.delete", { event: event.id }).catch(toastError)}
          data-testid="delete-button"
        />
      </>
    );
  };
  return (
    <div class="comments-panel">
      <Chat room={room} tools={tools} />
      <Composer room={room} replyTo={replyTo} />
      {muting.value && <MuteSheet room={room} user={muting.value} onClose={() => (muting.value = null)} />}
      {promoting.value && (
        <Confirm
          title={t("grant.title", { name: promoting.value.name })}
          text={t("grant.text")}
          action={t("grant.action")}
          onYes={() => promoting.value && promote(promoting.value)}
          onClose={() => (promoting.value = null)}
        />
      )}
    </div>
  );
}
