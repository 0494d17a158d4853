/** The moderators' page: comments as they come, and what was done about them. */
import { useSignal, useSignalEffect, type Signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";

import { t } from "../i18n";
import { shieldUp } from "../live/modes";
import type { Room } from "../live/room";
import type { LiveEvent, Person } from "../live/wire";
import { IconButton, LangSwitch, LiveBadge, Logo, Notice, ViewerCount } from "../ui/basics";
import { Composer } from "../ui/composer";
import { GuestsPanel } from "../ui/guests";
import { useNow } from "../ui/hooks";
import { Icon } from "../ui/icon";
import { ModesPanel, ShieldConfirm } from "../ui/modes";
import { muteNow, MuteSheet } from "../ui/mute";
import { PictureAlerts } from "../ui/picture_alert";
import { SoundAlerts } from "../ui/sound_alert";
import { MaskConfirm, PurgeConfirm } from "../ui/purge";
import { Sheet } from "../ui/sheet";
import { toast, toastError } from "../ui/toasts";
import { Tabs } from "../ui/tabs";
import { CommentList } from "./comment_list";
import "./desk.css";
import { actionOf, KEYS, type DeskAction } from "./keys";
import { ActionLog, Refused } from "./panels";
import { Pause } from "./pause";
import { QueueDesk } from "./queue";
import { QUEUE_KEYS } from "./queue_keys";
import { QueuePanel, useQueueKeys } from "./queue_panel";
import { Sanctions } from "./sanctions";
import { UserPanel } from "./user_panel";

type Panel = "queue" | "mutes" | "refused" | "log" | "guests" | "modes";
/** What is asked before it is done. */
type Asking = { mask: LiveEvent } | { purge: Person } | "shield" | null;

const QUICK: Partial<Record<DeskAction, number>> = { mute60: 60, mute600: 600, mute3600: 3_600, mute86400: 86_400 };

export function Desk({ room }: { room: Room }) {
  const pause = useMemo(() => new Pause(room.comments), [room]);
  const selected = useSignal<LiveEvent | null>(null);
  const muting = useSignal<Person | null>(null);
  const help = useSignal(false);
  const asking = useSignal<Asking>(null);
  const replyTo = useSignal<LiveEvent | null>(null);

  useSignalEffect(() => {
    document.title = `${room.state.value.room.title} · ${t("title.desk")}`;
  });
  useSignalEffect(() => pause.set("selected", selected.value !== null));
  const panel = useSignal<Panel>(room.can("review") ? "queue" : "mutes");
  const queue = useMemo(() => new QueueDesk(room), [room]);
  useEffect(() => () => queue.close(), [queue]);
  useQueueKeys(queue, () => (panel.value = "queue"));
  useSignalEffect(() => {
    // Whose comments are all gone, deleted by whomever, holds nothing up.
    const user = selected.value?.user?.id;
    if (user && !room.comments.value.some((comment) => comment.user?.id === user)) selected.value = null;
  });
  useDeskKeys(room, pause, selected, muting, help, asking);

  return (
    <div class="desk">
      <header class="bar">
        <Logo />
        <span class="desk-title ellipsis">{room.state.value.room.title}</span>
        <LiveBadge status={room.status.value} />
        <span class="push" />
        <ShieldChip room={room} onAsk={() => (asking.value = "shield")} />
        <ViewerCount count={room.viewers.value} />
        <IconButton icon="keyboard" label={t("key.help")} class="keyboard-button" onClick={() => (help.value = true)} />
        <LangSwitch />
      </header>
      {room.link.value === "reconnecting" && (
        <div class="strip">
          <Notice tone="wait" icon="warn">
            {t("reconnecting")}
          </Notice>
        </div>
      )}
      <PictureAlerts room={room} />
      <SoundAlerts room={room} />
      <main class="desk-grid">
        <section class="card desk-comments" aria-label={t("studio.comments")}>
          <CommentList
            room={room}
            pause={pause}
            selected={selected}
            onMute={(user) => (muting.value = user)}
            onMask={(event) => (asking.value = { mask: event })}
          />
          <div class="desk-composer">
            <Composer room={room} replyTo={replyTo} />
          </div>
        </section>
        <aside class="desk-side">
          {selected.value?.user && (
            <UserPanel
              room={room}
              user={selected.value.user}
              onMute={(user) => (muting.value = user)}
              onPurge={(user) => (asking.value = { purge: user })}
              onClose={() => (selected.value = null)}
            />
          )}
          <Panels room={room} queue={queue} panel={panel} />
        </aside>
      </main>
      {muting.value && <MuteSheet room={room} user={muting.value} onClose={() => (muting.value = null)} />}
      {help.value && <Help onClose={() => (help.value = false)} />}
      <Question room={room} asking={asking} />
    </div>
  );
}

function Question({ room, asking }: { room: Room; asking: Signal<Asking> }) {
  const now = asking.value;
  const onClose = () => (asking.value = null);
  if (now === null) return null;
  if (now === "shield") return <ShieldConfirm room={room} onClose={onClose} />;
  if ("mask" in now) return <MaskConfirm room={room} event={now.mask} onClose={onClose} />;
  return <PurgeConfirm room={room} user={now.purge} onClose={onClose} />;
}

/** Always in sight: in a raid nobody looks for a switch. */
function ShieldChip({ room, onAsk }: { room: Room; onAsk: () => void }) {
  const { settings } = room.state.value;
  const now = useNow(room.now, settings.shield?.until_ms != null, 1_000);
  const up = shieldUp(settings, now);
  if (!up && !room.can("set_modes")) return null;
  return (
    <button
      class={`chip shield-chip${up ? " wait" : ""}`}
      aria-pressed={up}
      disabled={!room.can("set_modes")}
      title={t(up ? "modes.shield.lower" : "modes.shield.raise")}
      onClick={onAsk}
      data-testid="shield-chip"
    >
      <Icon name="shield" size={15} fill={up} />
      <span>{t(up ? "modes.shield.up" : "modes.shield")}</span>
    </button>
  );
}

function Panels({ room, queue, panel }: { room: Room; queue: QueueDesk; panel: Signal<Panel> }) {
  const refused = room.staff.log.value.filter(({ kind }) => kind === "comment_refused" || kind === "comment_shadowed").length;
  const waiting = room.staff.guests.value.filter(({ status }) => status === "asked").length;
  return (
    <section class="card desk-panels">
      <Tabs
        tabs={[
          ...(room.can("review") ? [{ name: "queue" as const, label: t("queue"), count: room.staff.review.waiting.value }] : []),
          { name: "mutes", label: t("sanction.in_force"), count: room.staff.sanctions.value.length },
          { name: "refused", label: t("desk.refused"), count: refused },
          { name: "modes", label: t("modes.title") },
          { name: "log", label: t("desk.log") },
          ...(room.can("manage_stage") ? [{ name: "guests" as const, label: t("studio.guests"), count: waiting }] : []),
        ]}
        current={panel.value}
        label={t("studio.panels")}
        onChange={(name) => (panel.value = name)}
      >
        {panel.value === "queue" && <QueuePanel room={room} queue={queue} />}
        {panel.value === "mutes" && <Sanctions room={room} />}
        {panel.value === "refused" && <Refused room={room} />}
        {panel.value === "modes" && <ModesPanel room={room} />}
        {panel.value === "log" && <ActionLog room={room} />}
        {panel.value === "guests" && <GuestsPanel room={room} />}
      </Tabs>
    </section>
  );
}

function Help({ onClose }: { onClose: () => void }) {
  return (
    <Sheet title={t("key.help")} onClose={onClose}>
      <dl class="keys">
        {KEYS.map(({ keys, action, label }) => (
          <div key={action}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key === " " ? t("key.space") : key.replace("Arrow", "")}</kbd>
              ))}
            </dt>
            <dd>{t(label)}</dd>
          </div>
        ))}
      </dl>
      <h3>{t("queue.keys")}</h3>
      <dl class="keys">
        {QUEUE_KEYS.map(({ keys, action, label }) => (
          <div key={action}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key.replace("Arrow", "")}</kbd>
              ))}
            </dt>
            <dd>{t(label)}</dd>
          </div>
        ))}
      </dl>
    </Sheet>
  );
}

function useDeskKeys(
  room: Room,
  pause: Pause,
  selected: Signal<LiveEvent | null>,
  muting: Signal<Person | null>,
  help: Signal<boolean>,
  asking: Signal<Asking>,
): void {
  useEffect(() => {
    const step = (by: number) => {
      const shown = pause.shown.peek();
      const at = shown.findIndex((comment) => comment.id === selected.peek()?.id);
      const next = at === -1 ? shown.length - 1 : Math.min(shown.length - 1, Math.max(0, at + by));
      selected.value = shown[next] ?? null;
    };
    const act: Record<string, (event: LiveEvent) => void> = {
      delete: (event) => {
        step(1);
        if (selected.peek()?.id === event.id) selected.value = null;
        room.send("moderate.delete", { event: event.id }).then(() => toast(t("delete.done")), toastError);
      },
      mask: (event) => (asking.value = { mask: event }),
      purge: ({ user }) => {
        if (user && room.can("purge")) asking.value = { purge: user };
      },
      mute: ({ user }) => (muting.value = user ?? null),
      unmute: ({ user }) => {
        if (user) room.send("moderate.unmute", { user: user.id }).then(() => toast(t("unmute.done", { name: user.name })), toastError);
      },
    };
    const always: Partial<Record<DeskAction, () => void>> = {
      next: () => step(1),
      previous: () => step(-1),
      pause: () => pause.set("hand", !pause.paused.peek()),
      help: () => (help.value = true),
      shield: () => {
        if (room.can("set_modes")) asking.value = "shield";
      },
      leave: () => {
        selected.value = null;
        pause.clear();
      },
    };
    const onKey = (event: KeyboardEvent) => {
      const action = actionOf(event);
      if (action === null) return;
      event.preventDefault();
      const target = selected.peek();
      const seconds = QUICK[action];
      if (seconds !== undefined && target?.user) muteNow(room, target.user, seconds, t("reason.spam")).catch(toastError);
      else if (target) (always[action] ?? (() => act[action]?.(target)))();
      else always[action]?.();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [room, pause, selected, muting, help, asking]);
}
