/** What somebody sees who is muted, banned or warned: why, for how long, and what to do about it. */
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";

import { errorText } from "../i18n/errors";
import { clockTime, span } from "../i18n/format";
import { t } from "../i18n";
import type { Room } from "../live/room";
import type { OwnSanction } from "../live/sanction_wire";
import { Blank, Notice } from "./basics";
import { useCountdown, useTask } from "./hooks";
import { Icon } from "./icon";
import "./sanctions.css";

const IN_WORDS_MS = 48 * 3_600_000;

/** In words while it is days, then to the second. */
function left(seconds: number): string {
  return seconds * 1000 > IN_WORDS_MS ? span(seconds * 1000) : clockTime(seconds * 1000);
}

/** Whole seconds until a sanction ends; `onOver` is called when it has, by the server's clock. */
function useLeft(sanction: OwnSanction | null, room: Room, onOver: () => void): number | null {
  const seconds = useCountdown(sanction?.until_ms ?? null, room.now);
  const over = seconds === 0;
  useEffect(() => {
    if (over) onOver();
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once, when it is over
  }, [over]);
  return seconds;
}

/** In place of the composer, for as long as the mute lasts. `children`: what can be done about it. */
export function MuteNotice({ room, children }: { room: Room; children?: ComponentChildren }) {
  const mute = room.you.mute.value;
  const seconds = useLeft(mute, room, () => (room.you.mute.value = null));
  if (!mute) return null;
  return (
    <Notice tone="wait" icon="mute" data-testid="mute-notice">
      <strong>{seconds === null ? t("mute.you.open") : t("mute.you.until", { left: left(seconds) })}</strong>
      {mute.reason && (
        <div class="small" data-testid="mute-reason">
          {t("mute.reason.is", { reason: mute.reason })}
        </div>
      )}
      {children}
    </Notice>
  );
}

/** In place of the whole room. `children`: what can be done about it. */
export function BannedPage({ room, children }: { room: Room; children?: ComponentChildren }) {
  const ban = room.you.ban.value;
  const seconds = useLeft(ban, room, () => room.comeBack());
  if (!ban) return null;
  return (
    <Blank icon="shield" title={t(ban.everywhere ? "banned.title.everywhere" : "banned.title")}>
      <p data-testid="banned" data-sanction={ban.sanction}>
        {seconds === null ? t("banned.open") : t("banned.until", { left: left(seconds) })}
      </p>
      {ban.reason && (
        <figure class="sanction-reason">
          <figcaption class="small quiet">{t("banned.reason")}</figcaption>
          <blockquote data-testid="ban-reason">{ban.reason}</blockquote>
        </figure>
      )}
      {children}
      <p class="small quiet">{t("banned.promised")}</p>
      <a class="button outline" href="/">
        {t("closed.rooms")}
      </a>
    </Blank>
  );
}

/** Stays until it is acknowledged: neither Escape nor a click beside it closes it. */
export function WarningDialog({ room }: { room: Room }) {
  const warning = room.you.warning.value;
  return warning ? <Warned key={warning.warning} room={room} warning={warning.warning} reason={warning.reason} /> : null;
}

function Warned({ room, warning, reason }: { room: Room; warning: string; reason: string }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [titleId, textId] = [useId(), useId()];
  const task = useTask();
  useEffect(() => {
    const opener = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (opener instanceof HTMLElement) opener.focus();
    };
  }, []);
  const accept = async () => {
    if (await task.run(() => room.send("warning.accept", { warning }))) room.you.warning.value = null;
  };
  return (
    <dialog
      ref={dialog}
      class="sheet"
      role="alertdialog"
      aria-labelledby={titleId}
      aria-describedby={textId}
      onCancel={(event) => event.preventDefault()}
      onKeyDown={(event) => {
        // A second Escape in a row closes a dialog whatever its page says.
        if (event.key === "Escape") event.preventDefault();
      }}
      data-testid="warning-dialog"
    >
      <div class="sheet-head">
        <h2 id={titleId} class="warning-title">
          <Icon name="warn" size={22} />
          {t("warning.title")}
        </h2>
      </div>
      <div class="sheet-body" id={textId}>
        <p class="quiet">{t("warning.text")}</p>
        {reason && (
          <figure class="sanction-reason">
            <blockquote data-testid="warning-reason">{reason}</blockquote>
          </figure>
        )}
        {task.refusal && (
          <Notice tone="bad" icon="warn">
            {errorText(task.refusal)}
          </Notice>
        )}
        <button class="button primary wide" disabled={task.busy} onClick={() => void accept()} data-testid="warning-accept">
          {t("warning.accept")}
        </button>
      </div>
    </dialog>
  );
}
