/** One person: what they wrote, and what can be done about it. */
import { errorText } from "../i18n/errors";
import { timeOfDay } from "../i18n/format";
import { t } from "../i18n";
import type { Room } from "../live/room";
import { commentOf, type Author, type Person } from "../live/wire";
import { Avatar, IconButton, Notice } from "../ui/basics";
import { useTask } from "../ui/hooks";
import { Badges } from "../ui/comment";
import { invite, mayInvite } from "../ui/guests";
import { DURATIONS, muteNow } from "../ui/mute";
import { Background } from "./background";
import { SanctionsOf } from "./sanctions";

interface UserPanelProps {
  room: Room;
  user: Author;
  onMute: (user: Person) => void;
  onPurge: (user: Person) => void;
  onClose: () => void;
}

export function UserPanel({ room, user, onMute, onPurge, onClose }: UserPanelProps) {
  const theirs = room.comments.value.filter((event) => event.user?.id === user.id);
  const muted = room.staff.has(user.id, "mute");
  const self = user.id === room.you.user.value?.id;
  const task = useTask();
  return (
    <section class="card user-panel" aria-label={t("user.label", { name: user.name })} data-testid="user-panel">
      <div class="user-head">
        <Avatar id={user.id} name={user.name} avatar={(theirs.at(-1)?.user ?? user).avatar} size={44} />
        <div class="user-name">
          <h2 class="ellipsis">{user.name}</h2>
          <Badges badges={user.badges} />
          <span class="small quiet">{t("user.comments", { n: theirs.length })}</span>
        </div>
        <IconButton icon="close" label={t("close")} onClick={onClose} />
      </div>
      {!self && (
        <div class="style-row">
          {!muted &&
            DURATIONS.slice(1, 5).map(({ seconds, label }) => (
              <button
                key={label}
                class="button little outline"
                disabled={task.busy}
                onClick={() => void task.run(() => muteNow(room, user, seconds, t("reason.spam")))}
              >
                {t(label)}
              </button>
            ))}
          <button class="button little danger" onClick={() => onMute(user)}>
            {t("mute.more")}
          </button>
        </div>
      )}
      {!self && !muted && mayInvite(room, user) && (
        <div class="style-row">
          <button class="button little outline" onClick={() => invite(room, user)} aria-label={t("guests.invite.label", { name: user.name })} data-testid="invite-button">
            {t("guests.invite")}
          </button>
        </div>
      )}
      {!self && room.can("purge") && (
        <div class="style-row">
          <button
            class="button little outline"
            onClick={() => onPurge(user)}
            aria-label={t("purge.label", { name: user.name })}
            data-testid="purge-button"
          >
            {t("purge.button")}
          </button>
        </div>
      )}
      <SanctionsOf key={user.id} room={room} user={user.id} />
      {!self && <Background key={`about ${user.id}`} room={room} user={user} />}
      {task.refusal && <Notice tone="bad" icon="warn">{errorText(task.refusal)}</Notice>}
      <ul class="user-comments">
        {theirs.toReversed().map((event) => (
          <li key={event.id}>
            <time class="small quiet numbers">{timeOfDay(event.at_ms)}</time>
            <span>{commentOf(event).text}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
