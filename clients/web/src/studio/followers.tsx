/** Who follows the host, the newest first, and how many they are. */
import { useEffect, useState } from "preact/hooks";

import { errorText } from "../i18n/errors";
import { dayAndTime } from "../i18n/format";
import { t } from "../i18n";
import { followersOf, type Follower } from "../live/points";
import type { Room } from "../live/room";
import { Avatar, Empty, Notice, Spinner } from "../ui/basics";
import { useTask } from "../ui/hooks";

/** While many come, the list is read anew this often. */
const AGAIN_MS = 1_500;

export function FollowersSection({ room }: { room: Room }) {
  const [items, setItems] = useState<readonly Follower[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const task = useTask();
  const count = room.you.followers.value;
  const read = (cursor: string | null) =>
    task.run(async () => {
      const page = await followersOf(room.id, room.token, cursor);
      setItems((before) => [...(cursor === null ? [] : (before ?? [])), ...page.items]);
      setNext(page.next);
    });
  useEffect(() => {
    const timer = setTimeout(() => void read(null), items === null ? 0 : AGAIN_MS);
    return () => clearTimeout(timer);
    // It is read anew with each change of the count, and the task changes with every run.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [room, count]);
  return (
    <section class="followers" aria-labelledby="followers-title" data-testid="followers" data-count={count}>
      <h2 id="followers-title">{t("follow.followers", { n: count })}</h2>
      {task.refusal && (
        <Notice tone="bad" icon="warn">
          {errorText(task.refusal)}
        </Notice>
      )}
      {items === null && !task.refusal && <Spinner />}
      {items?.length === 0 && <Empty icon="heart" title={t("follow.none")} />}
      <ul class="stack-tight">
        {items?.map(({ user, since_ms }) => (
          <li key={user.id} class="line" data-testid="follower">
            <Avatar id={user.id} name={user.name} avatar={user.avatar} size={26} />
            <span class="ellipsis">{user.name}</span>
            <span class="small quiet numbers">{dayAndTime(since_ms, room.now())}</span>
          </li>
        ))}
      </ul>
      {next !== null && (
        <button class="button outline wide" disabled={task.busy} onClick={() => void read(next)}>
          {t("follow.more")}
        </button>
      )}
    </section>
  );
}
