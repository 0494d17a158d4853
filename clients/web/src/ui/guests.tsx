/** Who is on stage, who is coming, who would like to; and how the pictures are shown. Used by studio and desk. */
import type { VNode } from "preact";

import { t } from "../i18n";
import { errorText } from "../i18n/errors";
import type { Room } from "../live/room";
import type { Guest } from "../live/stage_wire";
import type { Person } from "../live/wire";
import { Avatar, Empty, Notice } from "./basics";
import { useTask } from "./hooks";
import { toast, toastError } from "./toasts";
import "./guests.css";

export function GuestsPanel({ room }: { room: Room }) {
  const guests = room.staff.guests.value;
  const asked = guests.filter(({ status }) => status === "asked");
  const invited = guests.filter(({ status }) => status === "invited");
  const on = guests.filter(({ slot }) => slot !== null);
  return (
    <div class="guests-panel">
      <Layouts room={room} />
      {guests.length === 0 && (
        <Empty icon="people" title={t("guests.none")}>
          <span class="small">{t("guests.none.hint")}</span>
        </Empty>
      )}
      <Group title={t("guests.on")} guests={on}>
        {(guest) => <Row key={guest.user.id} room={room} guest={guest} remove="guests.remove" />}
      </Group>
      <Group title={t("guests.waiting")} guests={asked}>
        {(guest) => <Row key={guest.user.id} room={room} guest={guest} remove="guests.decline" asks />}
      </Group>
      <Group title={t("guests.invited")} guests={invited}>
        {(guest) => <Row key={guest.user.id} room={room} guest={guest} remove="guests.uninvite" />}
      </Group>
    </div>
  );
}

function Group({ title, guests, children }: { title: string; guests: readonly Guest[]; children: (guest: Guest) => VNode }) {
  if (guests.length === 0) return null;
  return (
    <section class="guests-group">
      <h3>{title}</h3>
      <ul>{guests.map(children)}</ul>
    </section>
  );
}

interface RowProps {
  room: Room;
  guest: Guest;
  remove: "guests.remove" | "guests.decline" | "guests.uninvite";
  asks?: boolean;
}

function Row({ room, guest, remove, asks = false }: RowProps) {
  const task = useTask();
  const { id, name } = guest.user;
  return (
    <li class="guest-row" data-testid="guest-row" data-status={guest.status}>
      <Avatar id={id} name={name} size={34} />
      <span class="guest-name ellipsis">
        {name}
        {guest.status === "accepted" && <span class="small quiet"> {t("guests.coming")}</span>}
      </span>
      {asks && (
        <button
          class="button primary little"
          disabled={task.busy}
          aria-label={t("guests.invite.label", { name })}
          onClick={() => void task.run(() => room.send("guest.invite", { user: id }))}
          data-testid="guest-invite"
        >
          {t("guests.invite")}
        </button>
      )}
      <button
        class="button outline little"
        disabled={task.busy}
        aria-label={t(`${remove}.label`, { name })}
        onClick={() => void task.run(() => room.send("guest.remove", { user: id }))}
        data-testid="guest-remove"
      >
        {t(remove)}
      </button>
      {task.refusal && (
        <Notice tone="bad" icon="warn">
          {errorText(task.refusal)}
        </Notice>
      )}
    </li>
  );
}

/** While nobody else is on stage there is nothing to lay out. */
function Layouts({ room }: { room: Room }) {
  const { layout, guests } = room.state.value.stage;
  if (guests.length === 0) return null;
  const choices: { layout: string; label: string }[] = [
    ...(["host", "side", "grid"] as const).map((name) => ({ layout: name, label: t(`layout.${name}`) })),
    ...guests.map(({ slot, user }) => ({ layout: `guest:${slot}`, label: t("layout.guest", { name: user.name }) })),
  ];
  return (
    <section class="guests-group" aria-label={t("guests.layout")}>
      <h3>{t("guests.layout")}</h3>
      <div class="layouts" role="group" aria-label={t("guests.layout")}>
        {choices.map((choice) => (
          <button
            key={choice.layout}
            class={`button little ${choice.layout === layout ? "primary" : "outline"}`}
            aria-pressed={choice.layout === layout}
            onClick={() => void room.send("stage.layout", { layout: choice.layout }).catch(toastError)}
            data-testid={`layout-${choice.layout}`}
          >
            <span class="ellipsis">{choice.label}</span>
          </button>
        ))}
      </div>
    </section>
  );
}

/** Whether the caller may invite, and this is somebody who isn't on the way to the stage yet. */
export function mayInvite(room: Room, user: Person): boolean {
  const known = room.staff.guests.value.some((guest) => guest.user.id === user.id);
  return room.can("manage_stage") && !known && user.id !== room.state.value.room.host.id;
}

export function invite(room: Room, user: Person): void {
  room.send("guest.invite", { user: user.id }).then(() => toast(t("guests.invite.done", { name: user.name })), toastError);
}
