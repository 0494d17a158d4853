/** A viewer's way to the stage and off it: asking, the invitation, and what one has while one is seen. */
import { useSignal, useSignalEffect, type Signal } from "@preact/signals";
import { useRef } from "preact/hooks";

import { t } from "../../i18n";
import type { Room } from "../../live/room";
import type { Guest } from "../../live/stage_wire";
import { IconButton } from "../../ui/basics";
import { useTask } from "../../ui/hooks";
import { Icon } from "../../ui/icon";
import { toast, toastError } from "../../ui/toasts";
import { InvitationSheet } from "./invitation";
import type { OwnPicture } from "./own";

export function WayToStage({ room, own }: { room: Room; own: OwnPicture }) {
  const open = useInvitation(room, own);
  const guest = room.you.guest.value;
  const seen = own.air.value !== "off";

  return (
    <div class="way">
      {seen ? (
        <OnStage room={room} own={own} />
      ) : (
        <Offstage room={room} guest={guest} onOpen={() => (open.value = true)} />
      )}
      {open.value && !seen && guest && <InvitationSheet room={room} own={own} guest={guest} onClose={() => (open.value = false)} />}
    </div>
  );
}

const EXPECTED = new Set<Guest["status"]>(["invited", "accepted", "on"]);
const OWN_WISH = new Set<Guest["reason"]>(["left", "declined", undefined]);

/** Whether the sheet is open: by itself when an invitation comes, unless something else is before the viewer. */
function useInvitation(room: Room, own: OwnPicture): Signal<boolean> {
  const open = useSignal(false);
  const last = useRef<Guest | null>(null);
  useSignalEffect(() => {
    const now = room.you.guest.value;
    const before = last.current;
    last.current = now;
    if (now !== null && EXPECTED.has(now.status)) {
      const fresh = before?.status !== now.status && own.slot.peek() === null;
      if (fresh && document.querySelector("dialog[open]") === null) open.value = true;
      return;
    }
    open.value = false;
    own.release();
    if (before !== null && before.status !== "gone") sayWhy(now);
  });
  return open;
}

function sayWhy(gone: Guest | null): void {
  if (gone?.reason && !OWN_WISH.has(gone.reason)) toast(t(`guest.gone.${gone.reason}`));
}

function Offstage({ room, guest, onOpen }: { room: Room; guest: Guest | null; onOpen: () => void }) {
  const task = useTask();
  const { status, host } = room.state.value.room;
  const may = room.can("join_stage") && room.you.user.value?.id !== host.id && room.you.mute.value === null;
  if (!may || (status !== "live" && status !== "interrupted")) return null;
  if (guest === null || guest.status === "gone") {
    const ask = () => void task.run(() => room.send("guest.ask", {}).catch(toastError));
    return (
      <button class="way-pill" disabled={task.busy} onClick={ask} data-testid="guest-ask">
        <Icon name="camera" size={17} />
        {t("guest.ask")}
      </button>
    );
  }
  if (guest.status === "asked") {
    return (
      <span class="way-pill said" role="status" data-testid="guest-asked">
        {t("guest.asked")}
        <button class="way-action" onClick={() => void room.send("guest.withdraw", {}).catch(toastError)} data-testid="guest-withdraw">
          {t("cancel")}
        </button>
      </span>
    );
  }
  return (
    <button class="way-pill call" onClick={onOpen} data-testid="guest-invited">
      <Icon name="camera" size={17} />
      {t(guest.status === "invited" ? "guest.invited" : "guest.resume")}
    </button>
  );
}

function OnStage({ room, own }: { room: Room; own: OwnPicture }) {
  const air = own.air.value;
  const leave = () => {
    own.release();
    void room.send("guest.withdraw", {}).catch(toastError);
  };
  return (
    <div class="way-pill stage-bar" role="group" aria-label={t("guest.on")} data-testid="on-stage" data-value={air}>
      <span class="way-state" role="status">
        {t(air === "live" ? "guest.on" : air === "reconnecting" ? "guest.on.reconnecting" : "guest.on.starting")}
      </span>
      <IconButton
        icon="mic"
        little
        class={own.micOn.value ? "" : "struck"}
        label={t(own.micOn.value ? "guest.mic.off" : "guest.mic.on")}
        onClick={() => own.toggle("audio")}
        data-testid="guest-mic"
      />
      <IconButton
        icon="camera"
        little
        class={own.cameraOn.value ? "" : "struck"}
        label={t(own.cameraOn.value ? "guest.camera.off" : "guest.camera.on")}
        onClick={() => own.toggle("video")}
        data-testid="guest-camera"
      />
      <button class="way-action" onClick={leave} data-testid="guest-leave">
        {t("guest.leave")}
      </button>
    </div>
  );
}
