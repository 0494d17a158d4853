/** Beside the host's name: follow, or stop following. */
import { t } from "../../i18n";
import { errorText } from "../../i18n/errors";
import type { Room } from "../../live/room";
import { useTask } from "../../ui/hooks";
import { Icon } from "../../ui/icon";
import { toast } from "../../ui/toasts";
import "./points.css";

/** Follows the room's host, or stops that. */
export async function follow(room: Room, on: boolean): Promise<void> {
  room.you.setFollow(await room.send(on ? "follow" : "unfollow", {}));
}

export function FollowButton({ room }: { room: Room }) {
  const task = useTask();
  const { following, followers, user } = room.you;
  const host = room.state.value.room.host;
  if (!user.value || user.value.id === host.id) return null;
  const on = following.value;
  const press = async () => {
    const went = await task.run(() => follow(room, !on));
    if (!went && task.refusal) toast(errorText(task.refusal));
  };
  return (
    <button
      class={`follow${on ? " on" : ""}`}
      aria-pressed={on}
      aria-label={t("follow.label", { host: host.name })}
      title={t("follow.followers", { n: followers.value })}
      disabled={task.busy}
      onClick={() => void press()}
      data-testid="follow-button"
      data-followers={followers.value}
    >
      <Icon name={on ? "check" : "plus"} size={14} />
      <span>{t(on ? "follow.done" : "follow.do")}</span>
    </button>
  );
}
