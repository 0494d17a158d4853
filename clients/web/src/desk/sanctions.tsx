/** Sanctions in force, and what somebody has had before, with the way to undo them. */
import { useEffect, useState } from "preact/hooks";

import { clockTime, dayAndTime, span } from "../i18n/format";
import { t } from "../i18n";
import { inRoom, json, type Page } from "../live/api";
import type { Room } from "../live/room";
import type { KeptSanction, Sanction } from "../live/sanction_wire";
import { Empty } from "../ui/basics";
import { useNow } from "../ui/hooks";
import { NEEDS } from "../ui/mute";
import "../ui/sanctions.css";
import { toast, toastError } from "../ui/toasts";
import { BannedRanges } from "./ranges";

const TOLD_AT_ONCE = 20;

/** Everything that is in force in the room. */
export function Sanctions({ room }: { room: Room }) {
  const sanctions = room.staff.sanctions.value;
  const now = useNow(room.now, sanctions.length > 0, 1_000);
  const active = sanctions.filter(({ until_ms }) => until_ms === null || until_ms > now);
  return (
    <>
      {active.length === 0 ? <Empty icon="shield" title={t("sanction.none")} /> : <InForce room={room} active={active} now={now} />}
      {room.can("ban_address") && <BannedRanges room={room} />}
    </>
  );
}

function InForce({ room, active, now }: { room: Room; active: readonly Sanction[]; now: number }) {
  return (
    <ul class="rows in-force">
      {active.map((sanction) => (
        <li key={sanction.id} data-testid={`active-${sanction.kind}`} data-user={sanction.user.id}>
          <div class="row-main">
            <strong class="ellipsis">{sanction.user.name}</strong>
            <span class="small quiet">{sanction.reason}</span>
            <span class="small quiet">{t("desk.by", { name: sanction.by.name })}</span>
          </div>
          <What sanction={sanction} now={now} />
          <Undo room={room} sanction={sanction} />
        </li>
      ))}
    </ul>
  );
}

/** What is in force on one person, and what was before. */
export function SanctionsOf({ room, user }: { room: Room; user: string }) {
  const here = room.staff.on(user);
  const known = useHistory(room, user, here.map(({ id }) => id).join());
  const now = useNow(room.now, here.length > 0, 1_000);
  const ids = new Set(here.map(({ id }) => id));
  // Those that hold everywhere aren't in the room's own list, unless they were given while this page was open.
  const everywhere = known.filter(({ id, everywhere, over }) => everywhere && over === null && !ids.has(id));
  const active = [...here, ...everywhere].filter(({ until_ms }) => until_ms === null || until_ms > now);
  const past = known.filter(({ over }) => over !== null);
  if (active.length === 0 && past.length === 0) return null;
  return (
    <div data-testid="user-sanctions">
      <ul class="sanction-list" aria-label={t("sanction.in_force")}>
        {active.map((sanction) => (
          <li key={sanction.id}>
            <What sanction={sanction} now={now} />
            <div class="row-main">
              <span class="small">{sanction.reason}</span>
              <span class="small quiet">{t("desk.by", { name: sanction.by.name })}</span>
            </div>
            <Undo room={room} sanction={sanction} />
          </li>
        ))}
      </ul>
      {past.length > 0 && <Past past={past} now={now} />}
    </div>
  );
}

function Past({ past, now }: { past: readonly KeptSanction[]; now: number }) {
  return (
    <details class="sanction-past">
      <summary class="quiet">
        {t("sanction.history")} ({past.length})
      </summary>
      <ul class="sanction-list">
        {past.map((sanction) => (
          <li key={sanction.id}>
            <span class="chip tiny">{t(`sanction.is.${sanction.kind}`)}</span>
            <div class="row-main">
              <span>{sanction.reason}</span>
              <span class="small quiet">
                {dayAndTime(sanction.at_ms, now)} · {t("desk.by", { name: sanction.by.name })}
                {sanction.over && ` · ${t(`sanction.over.${sanction.over.why}`)}`}
              </span>
            </div>
          </li>
        ))}
      </ul>
    </details>
  );
}

function What({ sanction, now }: { sanction: Sanction; now: number }) {
  return (
    <span class={`chip numbers ${sanction.kind === "ban" ? "bad" : "wait"}`}>
      {t(`sanction.is.${sanction.kind}`)} · {sanction.kind === "warn" ? t("sanction.waits") : left(sanction, now)}
      {sanction.everywhere && ` · ${t("sanction.is.everywhere")}`}
    </span>
  );
}

function left({ until_ms }: Sanction, now: number): string {
  if (until_ms === null) return t("mute.for.open");
  return until_ms - now > 3_600_000 ? span(until_ms - now) : clockTime(until_ms - now);
}

/** By who may give it. A warning is gone, too, when who got it acknowledges it. */
function Undo({ room, sanction }: { room: Room; sanction: Sanction }) {
  const { id, kind, everywhere, user } = sanction;
  if (!room.can(NEEDS[kind]) || (everywhere && !room.can("sanction_everywhere"))) return null;
  const lift = () => {
    if (kind === "warn") return room.send("moderate.unwarn", { user: user.id, warning: id });
    if (kind !== "mute" && kind !== "ban") return room.send(`moderate.un${kind}`, { user: user.id });
    const target = { user: user.id, ...(everywhere ? { everywhere } : {}) };
    return room.send(`moderate.un${kind}`, target);
  };
  const undo = () => {
    lift().then(() => toast(t("sanction.undone", { name: user.name })), toastError);
  };
  return (
    <button
      class="button little outline"
      onClick={undo}
      aria-label={t("sanction.undo.label", { what: t(`sanction.${kind}`), name: user.name })}
      data-testid={`un${kind}-button`}
    >
      {t("sanction.undo")}
    </button>
  );
}

/** Read anew when what is in force changes; `seen` says what that is. */
function useHistory(room: Room, user: string, seen: string): readonly KeptSanction[] {
  const [known, set] = useState<readonly KeptSanction[]>([]);
  useEffect(() => {
    let current = true;
    const path = inRoom(room.id, `/sanctions?user=${encodeURIComponent(user)}&limit=${TOLD_AT_ONCE}`);
    json<Page<KeptSanction>>(path, { token: room.token }).then(
      ({ items }) => {
        if (current) set(items);
      },
      () => undefined, // the list is an extra: without it the panel is as useful as before
    );
    return () => {
      current = false;
    };
  }, [room, user, seen]);
  return known;
}
