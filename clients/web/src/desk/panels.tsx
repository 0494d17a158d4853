/** Who is muted, what the filter refused, and who did what. */
import { clockTime, span, timeOfDay } from "../i18n/format";
import { t } from "../i18n";
import type { Room } from "../live/room";
import type { PictureHit, PictureOf } from "../live/picture_wire";
import type { NumberedEvent, Person, Sanction } from "../live/wire";
import { Empty } from "../ui/basics";
import { useNow } from "../ui/hooks";
import { found, whose } from "../ui/picture_alert";
import { toast, toastError } from "../ui/toasts";

export function Mutes({ room }: { room: Room }) {
  const mutes = room.staff.mutes.value;
  const now = useNow(room.now, mutes.length > 0, 1_000);
  const active = mutes.filter(({ until_ms }) => until_ms === null || until_ms > now);
  if (active.length === 0) return <Empty icon="mute" title={t("desk.mutes.none")} />;
  return (
    <ul class="rows">
      {active.map((sanction) => (
        <li key={sanction.user.id} data-testid="active-mute">
          <div class="row-main">
            <strong class="ellipsis">{sanction.user.name}</strong>
            <span class="small quiet">{sanction.reason}</span>
            <span class="small quiet">{t("desk.by", { name: sanction.by.name })}</span>
          </div>
          <span class="chip wait numbers">{left(sanction, now)}</span>
          <button
            class="button little outline"
            onClick={() => unmute(room, sanction.user)}
            data-testid="unmute-button"
          >
            {t("unmute")}
          </button>
        </li>
      ))}
    </ul>
  );
}

function left({ until_ms }: Sanction, now: number): string {
  if (until_ms === null) return t("mute.for.open");
  return until_ms - now > 3_600_000 ? span(until_ms - now) : clockTime(until_ms - now);
}

function unmute(room: Room, user: Person): void {
  room.send("moderate.unmute", { user: user.id }).then(() => toast(t("unmute.done", { name: user.name })), toastError);
}

export function Refused({ room }: { room: Room }) {
  const refused = room.staff.log.value.filter((event) => event.kind === "comment_refused");
  if (refused.length === 0) {
    return (
      <Empty icon="shield" title={t("desk.refused.none")}>
        <span class="small">{t("desk.refused.none.hint")}</span>
      </Empty>
    );
  }
  return (
    <ul class="rows">
      {refused.map((event) => {
        const { user, text, reason } = event.data as { user: Person; text: string; reason: string };
        return (
          <li key={event.seq} data-testid="refused-comment">
            <div class="row-main">
              <span>
                <strong>{user.name}</strong> <time class="small quiet numbers">{timeOfDay(event.at_ms)}</time>
              </span>
              <span class="refused-text">{text}</span>
              {reason && <span class="small quiet">{reason}</span>}
            </div>
          </li>
        );
      })}
    </ul>
  );
}

export function ActionLog({ room }: { room: Room }) {
  const actions = room.staff.log.value.filter((event) => event.kind in SAID);
  if (actions.length === 0) return <Empty icon="clock" title={t("desk.log.none")} />;
  return (
    <ul class="rows">
      {actions.map((event) => (
        <li key={event.seq} data-testid="log-entry" data-kind={event.kind}>
          <time class="small quiet numbers">{timeOfDay(event.at_ms)}</time>
          <div class="row-main">{SAID[event.kind]?.(event, room)}</div>
        </li>
      ))}
    </ul>
  );
}

type Said = (event: NumberedEvent, room: Room) => string;

const SAID: Record<string, Said> = {
  muted: ({ data, at_ms }) => {
    const { user, by, until_ms, reason } = data.sanction as Sanction;
    const how_long = until_ms === null ? t("mute.for.open") : span(until_ms - at_ms);
    return t("log.muted", { by: by.name, user: user.name, how_long, reason });
  },
  unmuted: ({ data }) => {
    const { user, by } = data as { user: Person; by: Person | null };
    return by ? t("log.unmuted", { by: by.name, user: user.name }) : t("log.unmuted.itself", { user: user.name });
  },
  comment_deleted: ({ data }) => {
    const { user, text, by } = data as { user?: Person; text: string; by: Person };
    return t("log.deleted", { by: by.name, user: user?.name ?? "", text });
  },
  picture_hit: ({ data }, room) => {
    const hit = data as unknown as PictureHit;
    return t(`log.picture.${hit.measure}`, { whose: whose(room, hit.stream), what: found(hit) });
  },
  picture_over: ({ data }, room) => {
    const { stream, by } = data as { stream: PictureOf; by: { id: string | null; name: string } };
    const of = whose(room, stream);
    return by.id === null ? t("log.picture.over.itself", { whose: of }) : t("log.picture.over", { by: by.name, whose: of });
  },
  role: ({ data }) => {
    const { user, role, by } = data as { user: Person; role: "viewer" | "moderator" | "senior_moderator"; by: Person };
    return t("log.role", { by: by.name, user: user.name, role: t(`role.${role}`) });
  },
};
