/** Where a comment is written: who may, what stands in the way, and until when. */
import type { Signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";

import { errorText } from "../i18n/errors";
import { clockTime } from "../i18n/format";
import { t } from "../i18n";
import { asRefusal, type Refusal } from "../live/errors";
import { hasWords, slowModeS } from "../live/modes";
import type { Room } from "../live/room";
import type { OwnSanction } from "../live/sanction_wire";
import { COLORS, commentOf, LANES, type Color, type Lane, type LiveEvent, type RoomSettings } from "../live/wire";
import { Appeal } from "./appeal";
import { BarredNotice, RefusedNotice, ShieldLine, SHUT_OUT, useBarred, type Ways } from "./barred";
import { IconButton } from "./basics";
import { useNow, useTask } from "./hooks";
import { Icon } from "./icon";
import { MuteNotice, WarningDialog } from "./sanction_notice";

const TEXT_MAX = 200;
const STAFF = new Set(["moderator", "senior_moderator", "host", "operator"]);

interface ComposerProps {
  room: Room;
  replyTo: Signal<LiveEvent | null>;
  /** What this page has that would let somebody comment. */
  ways?: Ways;
}

type Obstacle = "guest" | "muted" | "closed" | null;

function obstacle(room: Room): Obstacle {
  if (room.you.user.value === null) return "guest";
  if (room.you.mute.value) return "muted";
  return room.can("comment") ? null : "closed";
}

export function Composer(props: ComposerProps) {
  return (
    <>
      <Box {...props} />
      <WarningDialog room={props.room} />
    </>
  );
}

function Box({ room, replyTo, ways }: ComposerProps) {
  const why = useBarred(room, STAFF.has(room.you.role.value));
  const [refused, setRefused] = useState<Refusal | null>(null);
  const { settings } = room.state.value;
  // Whatever changes, the server may see it differently now.
  useEffect(() => setRefused(null), [settings, room.you.orders.value, room.you.wallet.value]);
  switch (obstacle(room)) {
    case "guest":
      return <p class="composer-box off quiet small">{t("composer.guest")}</p>;
    case "muted":
      return (
        <MuteNotice room={room}>
          {room.you.mute.value && <Appeal key={room.you.mute.value.sanction} room={room} sanction={room.you.mute.value.sanction} />}
        </MuteNotice>
      );
    case "closed":
      return <p class="composer-box off quiet small">{t("composer.closed")}</p>;
    default:
      if (why) return <BarredNotice room={room} why={why} />;
      if (refused) {
        return <RefusedNotice room={room} refusal={refused} ways={ways ?? {}} onAgain={() => setRefused(null)} />;
      }
      return <Form room={room} replyTo={replyTo} onShutOut={setRefused} />;
  }
}

/** What may be said here by this person: what the field says, and whether `text` can't be sent. */
function sayable(room: Room, staff: boolean, text: string): { placeholder: string; refused: boolean } {
  const { settings } = room.state.value;
  if (staff || room.you.guest.value?.status === "on") return { placeholder: t("composer.placeholder"), refused: false };
  return { placeholder: hint(settings), refused: settings.emoji_only && hasWords(text) };
}

function hint({ who_may_comment, member_level, emoji_only }: RoomSettings): string {
  if (emoji_only) return t("modes.you.emoji");
  if (who_may_comment === "members") return t("modes.you.members.hint", { level: member_level });
  return who_may_comment === "buyers" ? t("modes.you.buyers.hint") : t("composer.placeholder");
}

function Form({ room, replyTo, onShutOut }: ComposerProps & { onShutOut: (refusal: Refusal) => void }) {
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
  const { placeholder, refused } = sayable(room, staff, text);
  const sendable = text.trim() !== "" && length <= TEXT_MAX && !refused;
  const ready = sendable && !task.busy && waitMs === 0;
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
          if (SHUT_OUT.has(refusal.code)) onShutOut(refusal);
          throw refusal;
        });
    });
    if (!sent) return;
    setText("");
    replyTo.value = null;
    setOpenAt(room.now() + slowModeS(room.state.value.settings, room.now()) * 1000);
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
      {!staff && <ShieldLine room={room} />}
      <TookBack room={room} />
      <EmojiHint on={refused} />
      <div class="composer-box">
        <input
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value);
            task.clear();
          }}
          placeholder={placeholder}
          aria-label={placeholder}
          enterkeyhint="send"
          autocomplete="off"
          data-testid="comment-input"
        />
        <CharsLeft length={length} />
        {staff && (
          <IconButton
            icon="sliders"
            little
            label={t("composer.style")}
            aria-expanded={styling}
            onClick={() => setStyling(!styling)}
          />
        )}
        <SendButton ready={ready} waitMs={waitMs} />
      </div>
    </form>
  );
}

/** That a moderator has taken back something of this person's: said once. */
function TookBack({ room }: { room: Room }) {
  const what = room.you.tookBack.value;
  return what === null ? null : (
    <div class="composer-note" role="status" data-testid="took-back">
      <span>{t(`you.${what}`)}</span>
      <IconButton icon="close" little label={t("close")} onClick={() => (room.you.tookBack.value = null)} />
    </div>
  );
}

function EmojiHint({ on }: { on: boolean }) {
  return on ? (
    <p class="composer-note" role="status" data-testid="emoji-hint">
      {t("modes.you.emoji.error")}
    </p>
  ) : null;
}

function CharsLeft({ length }: { length: number }) {
  return length > TEXT_MAX - 30 ? (
    <span class="composer-left" aria-live="polite">
      {TEXT_MAX - length}
    </span>
  ) : null;
}

function SendButton({ ready, waitMs }: { ready: boolean; waitMs: number }) {
  const label = waitMs > 0 ? t("composer.wait", { left: clockTime(waitMs) }) : t("composer.send");
  return (
    <button class="composer-send" type="submit" disabled={!ready} aria-label={label} data-testid="comment-send">
      {waitMs > 0 ? clockTime(waitMs) : <Icon name="send" size={18} />}
    </button>
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
