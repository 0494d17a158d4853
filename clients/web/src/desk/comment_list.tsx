/** The comments, newest below; stands still while the pointer is over it or somebody has scrolled up. */
import type { Signal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";

import { timeOfDay } from "../i18n/format";
import { t } from "../i18n";
import type { Room } from "../live/room";
import { commentOf, type LiveEvent, type Person } from "../live/wire";
import { Empty, IconButton } from "../ui/basics";
import "../ui/chat.css";
import { Badges, Face } from "../ui/comment";
import { Icon } from "../ui/icon";
import { toastError } from "../ui/toasts";
import type { Pause } from "./pause";

interface CommentListProps {
  room: Room;
  pause: Pause;
  selected: Signal<LiveEvent | null>;
  onMute: (user: Person) => void;
  onMask: (event: LiveEvent) => void;
}

export function CommentList({ room, pause, selected, onMute, onMask }: CommentListProps) {
  const list = useRef<HTMLUListElement>(null);
  const shown = pause.shown.value;
  const paused = pause.paused.value;
  const selectedId = selected.value?.id;

  useLayoutEffect(() => {
    if (!paused && list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [shown, paused]);
  useLayoutEffect(() => {
    list.current?.querySelector("[aria-current=true]")?.scrollIntoView({ block: "nearest" });
  }, [selectedId]);

  const onScroll = () => {
    const box = list.current;
    if (box) pause.set("scrolled", box.scrollHeight - box.scrollTop - box.clientHeight > 40);
  };
  const goOn = () => {
    selected.value = null;
    pause.clear();
  };
  return (
    <>
      <div class="desk-list-head">
        <h2>{t("studio.comments")}</h2>
        <button
          class={`chip${paused ? " wait" : " good"}`}
          onClick={() => (paused ? goOn() : pause.set("hand", true))}
          data-testid="pause-button"
          data-paused={paused}
        >
          <Icon name={paused ? "play" : "pause"} size={14} />
          {paused ? t("desk.paused", { n: pause.waiting.value }) : t("desk.flowing")}
        </button>
      </div>
      <ul
        class="desk-list"
        ref={list}
        aria-label={t("studio.comments")}
        tabIndex={0}
        onScroll={onScroll}
        onPointerEnter={(event) => {
          if (event.pointerType === "mouse") pause.set("hover", true);
        }}
        onPointerLeave={() => pause.set("hover", false)}
        data-testid="comment-list"
      >
        {shown.length === 0 && (
          <li>
            <Empty icon="bullets" title={t("chat.empty")} />
          </li>
        )}
        {shown.map((event) => (
          <Row
            key={event.id}
            room={room}
            event={event}
            selected={event.id === selectedId}
            onSelect={() => (selected.value = event.id === selectedId ? null : event)}
            onMute={onMute}
            onMask={onMask}
          />
        ))}
      </ul>
    </>
  );
}

function Row({ room, event, selected, onSelect, onMute, onMask }: {
  room: Room;
  event: LiveEvent;
  selected: boolean;
  onSelect: () => void;
  onMute: (user: Person) => void;
  onMask: (event: LiveEvent) => void;
}) {
  const { user } = event;
  const { text, reply_to, masked } = commentOf(event);
  const others = user && user.id !== room.you.user.value?.id ? user : null;
  const sanctions = user === undefined ? [] : room.staff.on(user.id);
  // Who is warned or watched is to be read more closely, not less.
  const muted = sanctions.some(({ kind }) => kind === "mute" || kind === "ban" || kind === "shadow");
  return (
    <li
      class={`desk-row${selected ? " selected" : ""}${muted ? " muted" : ""}`}
      aria-current={selected}
      onClick={onSelect}
      data-testid="comment"
      data-id={event.id}
    >
      <time class="small quiet numbers">{timeOfDay(event.at_ms)}</time>
      <Face user={user} />
      <div class="comment-main">
        <Badges badges={user?.badges ?? []} />
        <span class="who">{user?.name}</span>
        {sanctions.map(({ id, kind }) => (
          <span key={id} class={`chip tiny ${kind === "ban" ? "bad" : "wait"}`}>
            {t(`sanction.is.${kind}`)}
          </span>
        ))}
        {reply_to && <span class="small quiet"> ↪ {reply_to.name}</span>}
        <div class="text">{text}</div>
      </div>
      <div class="desk-row-tools" onClick={(click) => click.stopPropagation()}>
        {others && (
          <IconButton
            icon="mute"
            little
            label={t("mute.label", { name: others.name })}
            onClick={() => onMute(others)}
            data-testid="mute-button"
          />
        )}
        {!masked && (
          <IconButton
            icon="eyeOff"
            little
            label={t("mask.label")}
            onClick={() => onMask(event)}
            data-testid="mask-button"
          />
        )}
        <IconButton
          icon="trash"
          little
          label={t("delete.label")}
          onClick={() => void room.send("moderate.delete", { event: event.id }).catch(toastError)}
          data-testid="delete-button"
        />
      </div>
    </li>
  );
}
