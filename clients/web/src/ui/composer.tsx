/** Where a comment is written: who may, what stands in the way, and until when. */
import type { Signal } from "@preact/signals";
import { useState } from "preact/hooks";

import { errorText } from "../i18n/errors";
import { clockTime } from "../i18n/format";
import { t } from "../i18n";
import { asRefusal } from "../live/errors";
import type { Room } from "../live/room";
import type { OwnSanction } from "../live/sanction_wire";
import { COLORS, commentOf, LANES, type Color, type Lane, type LiveEvent } from "../live/wire";
import { IconButton } from "./basics";
import { useNow, useTask } from "./hooks";
import { Icon } from "./icon";
import { MuteNotice, WarningDialog } from "./sanction_notice";

const TEXT_MAX = 200;
const STAFF = new Set(["moderator", "senior_moderator", "host", "operator"]);

interface ComposerProps {
  room: Room;
  replyTo: Signal<LiveEvent | null>;
}

type Obstacle = "guest" | "muted" | "closed" | null;

function obstacle(room: Room): Obstacle {
  if (room.you.user.value === null) return "guest";
  if (room.you.mute.value) return "muted";
  const open = room.state.value.settings.who_may_comment === "everyone" || STAFF.has(room.you.role.value);
  return open && room.can("comment") ? null : "closed";
}

export function Composer(props: ComposerProps) {
  return (
    <>
      <Box {...props} />
      <WarningDialog room={props.room} />
    </>
  );
}

function Box({ room, replyTo }: ComposerProps) {
  switch (obstacle(room)) {
    case "guest":
      return <p class="composer-box off quiet small">{t("composer.guest")}</p>;
    case "muted":
      return <MuteNotice room={room} />;
    case "closed":
      return <p class="composer-box off quiet small">{t("composer.closed")}</p>;
    default:
      return <Form room={room} replyTo={replyTo} />;
  }
}

function Form({ room, replyTo }: ComposerProps) {
  const [text, setText] = useState("");
  const [color, setColor] = useState<Color>("white");
  const [lane, setLane] = useState<Lane>("scroll");
  const [styling, setStyling] = useState(false);
  const [openAt, setOpenAt] = useState(0);
  const now = useNow(room.now, openAt > 0);
  const task = useTask();
  const staff = STAFF.has(room.you.role.value);
  const waitMs = staff ? 0 : Math.max(0, openAt - now);
  const length = Array.from(text).length;
  const ready = text.trim() !== "" && length <= TEXT_MAX && !task.busy && waitMs === 0;
  const reply = replyTo.value;

  const send = async () => {
    if (!ready) return;
    const sent = await task.run(async () => {
      await room
        .comment({
          text,
          ...(color === "white" ? {} : { color }),
          ...(lane === "scroll" ? {} : { lane }),
          ...(reply ? { reply_to: reply.id } : {}),
        })
        .catch((thrown: unknown) => {
          const refusal = asRefusal(thrown);
          if (refusal.code === "muted") room.you.mute.value = refusal.details as OwnSanction;
          if (refusal.code === "slow_mode" && refusal.retryAfterMs) setOpenAt(room.now() + refusal.retryAfterMs);
          throw refusal;
        });
    });
    if (!sent) return;
    setText("");
    replyTo.value = null;
    setOpenAt(room.now() + room.state.value.settings.slow_mode_s * 1000);
  };

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      {styling && <StyleRow color={color} lane={lane} onColor={setColor} onLane={setLane} />}
      {reply && (
        <div class="composer-note">
          <Icon name="reply" size={15} />
          <span class="ellipsis">
            {reply.user?.name}: {commentOf(reply).text}
          </span>
          <IconButton icon="close" little label={t("reply.cancel")} onClick={() => (replyTo.value = null)} />
        </div>
      )}
      {task.refusal && task.refusal.code !== "slow_mode" && (
        <p class="composer-note bad" role="alert" data-testid="comment-error" data-code={task.refusal.code}>
          {errorText(task.refusal)}
        </p>
      )}
      <div class="composer-box">
        <input
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value);
            task.clear();
          }}
          placeholder={t("composer.placeholder")}
          aria-label={t("composer.placeholder")}
          enterkeyhint="send"
          autocomplete="off"
          data-testid="comment-input"
        />
        {length > TEXT_MAX - 30 && (
          <span class="composer-left" aria-live="polite">
            {TEXT_MAX - length}
          </span>
        )}
        {staff && (
          <IconButton
            icon="sliders"
            little
            label={t("composer.style")}
            aria-expanded={styling}
            onClick={() => setStyling(!styling)}
          />
        )}
        <button
          class="composer-send"
          type="submit"
          disabled={!ready}
          aria-label={waitMs > 0 ? t("composer.wait", { left: clockTime(waitMs) }) : t("composer.send")}
          data-testid="comment-send"
        >
          {waitMs > 0 ? clockTime(waitMs) : <Icon name="send" size={18} />}
        </button>
      </div>
    </form>
  );
}

function StyleRow({ color, lane, onColor, onLane }: {
  color: Color;
  lane: Lane;
  onColor: (color: Color) => void;
  onLane: (lane: Lane) => void;
}) {
  return (
    <div class="style-row" role="group" aria-label={t("composer.style")}>
      {COLORS.map((each) => (
        <button
          key={each}
          type="button"
          class={`swatch ink-${each}`}
          style={{ background: each === "white" ? "#fff" : "currentColor" }}
          aria-pressed={each === color}
          aria-label={t(`color.${each}`)}
          onClick={() => onColor(each)}
        />
      ))}
      {LANES.map((each) => (
        <button
          key={each}
          type="button"
          class={`button little ${each === lane ? "primary" : "outline"}`}
          aria-pressed={each === lane}
          onClick={() => onLane(each)}
        >
          {t(`lane.${each}`)}
        </button>
      ))}
    </div>
  );
}
