/** The list of comments: follows the newest unless the reader has scrolled up. */
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

import { t } from "../i18n";
import { giftOf } from "../live/gifts";
import type { Room } from "../live/room";
import type { LiveEvent } from "../live/wire";
import { Empty } from "./basics";
import "./chat.css";
import { Comment } from "./comment";
import { GiftLine } from "./gift_line";
import { Icon } from "./icon";

interface ChatProps {
  room: Room;
  /** Nobody can say anything here. */
  past?: boolean;
  tools?: (event: LiveEvent) => ComponentChildren;
}

const NEAR_PX = 48;

export function Chat({ room, past, tools }: ChatProps) {
  const list = useRef<HTMLDivElement>(null);
  const [following, setFollowing] = useState(true);
  const comments = room.said.value;
  const you = room.you.user.value?.id;

  useLayoutEffect(() => {
    if (following && list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [comments, following]);

  const onScroll = () => {
    const box = list.current;
    if (box) setFollowing(box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PX);
  };

  return (
    <div class="chat">
      <div
        class="chat-list"
        ref={list}
        onScroll={onScroll}
        role="log"
        aria-live="polite"
        aria-label={t("chat.label")}
        tabIndex={0}
        data-testid="comment-list"
      >
        {comments.length === 0 && (
          <Empty icon="bullets" title={t("chat.empty")}>
            {!past && <span class="small">{t("chat.empty.hint")}</span>}
          </Empty>
        )}
        <ul>
          {comments.map((event) =>
            event.kind === "gift" ? (
              <GiftLine key={giftOf(event).combo.id} event={event} />
            ) : (
              <Comment key={event.id} event={event} own={event.user?.id === you}>
                {tools?.(event)}
              </Comment>
            ),
          )}
        </ul>
      </div>
      {!following && (
        <button class="button little chat-more" onClick={() => setFollowing(true)}>
          <Icon name="down" size={16} />
          {t("chat.newest")}
        </button>
      )}
    </div>
  );
}
