/** What the filter refused, what is said in the shadow, and who did what. */
import { span, timeOfDay } from "../i18n/format";
import { t, type Key } from "../i18n";
import type { Room } from "../live/room";
import type { PictureHit, PictureOf } from "../live/picture_wire";
import type { SoundHit } from "../live/sound_wire";
import type { AddressBan, EvasionHint, UserNote } from "../live/people";
import type { Sanction } from "../live/sanction_wire";
import type { LiveEvent, NumberedEvent, Person } from "../live/wire";
import { Empty } from "../ui/basics";
import { found, whose } from "../ui/picture_alert";

export function Refused({ room }: { room: Room }) {
  const refused = room.staff.log.value.filter(({ kind }) => kind === "comment_refused" || kind === "comment_shadowed");
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
        const { user, text, reason } = unseen(event);
        return (
          <li key={event.seq} data-testid="refused-comment" data-kind={event.kind}>
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

/** A comment that nobody is shown, and why. */
function unseen({ kind, data }: NumberedEvent): { user: Person; text: string; reason: string } {
  if (kind === "comment_refused") return data as { user: Person; text: string; reason: string };
  const { user, data: said } = data.event as LiveEvent;
  return { user: user ?? { id: "", name: "" }, text: String(said.text), reason: t("sanction.shadow") };
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

function given(key: Key, { data, at_ms }: NumberedEvent): string {
  const { user, by, until_ms, reason } = data.sanction as Sanction;
  const how_long = until_ms === null ? t("mute.for.open") : span(until_ms - at_ms);
  return t(key, { by: by.name, user: user.name, how_long, reason });
}

function ended(key: "log.unmuted" | "log.unbanned" | "log.unshadowed" | "log.unwatched" | "log.unrestricted", { data }: NumberedEvent): string {
  const { user, by } = data as { user: Person; by: Person | null };
  return by ? t(key, { by: by.name, user: user.name }) : t(`${key}.itself`, { user: user.name });
}

const SAID: Record<string, Said> = {
  muted: (event) => given("log.muted", event),
  unmuted: (event) => ended("log.unmuted", event),
  banned: (event) => given("log.banned", event),
  unbanned: (event) => ended("log.unbanned", event),
  shadowed: (event) => given("log.shadowed", event),
  unshadowed: (event) => ended("log.unshadowed", event),
  watched: (event) => given("log.watched", event),
  unwatched: (event) => ended("log.unwatched", event),
  restricted: (event) => given("log.restricted", event),
  unrestricted: (event) => ended("log.unrestricted", event),
  evasion_hint: ({ data }) => {
    const { user, like, by } = data as unknown as { user: Person } & Pick<EvasionHint, "like" | "by">;
    return t(`log.evasion_hint.${by}`, { user: user.name, name: like.name });
  },
  address_banned: ({ data }) => {
    const { user, by } = data.ban as AddressBan;
    return t("log.address_banned", { by: by.name, user: user.name });
  },
  address_unbanned: ({ data }) => t("log.address_unbanned", { by: (data.by as Person).name }),
  noted: ({ data }) => t("log.noted", { by: (data.note as UserNote).by.name, text: (data.note as UserNote).text }),
  warned: (event) => given("log.warned", event),
  warning_accepted: ({ data }) => {
    const { user, by } = data as { user: Person; by: Person };
    return by.id === user.id
      ? t("log.warning_accepted", { user: user.name })
      : t("log.warning_accepted.by", { by: by.name, user: user.name });
  },
  comment_deleted: ({ data }) => {
    const { user, text, by } = data as { user?: Person; text: string; by: Person };
    return t("log.deleted", { by: by.name, user: user?.name ?? "", text });
  },
  picture_hit: ({ data }, room) => {
    const hit = data as unknown as PictureHit;
    return t(`log.picture.${hit.measure}`, { whose: whose(room, hit.stream), what: found(hit.classes) });
  },
  picture_over: ({ data }, room) => {
    const { stream, by } = data as { stream: PictureOf; by: { id: string | null; name: string } };
    const of = whose(room, stream);
    return by.id === null ? t("log.picture.over.itself", { whose: of }) : t("log.picture.over", { by: by.name, whose: of });
  },
  sound_hit: ({ data }, room) => {
    const hit = data as unknown as SoundHit;
    return t(`log.sound.${hit.measure}`, { whose: whose(room, hit.stream), what: hit.text || found(hit.classes ?? []) });
  },
  sound_over: ({ data }, room) => {
    const { stream, by } = data as { stream: PictureOf; by: Person };
    return t("log.sound.over", { by: by.name, whose: whose(room, stream) });
  },
  comment_masked: ({ data }) => {
    const { user, text, by } = data as { user?: Person; text: string; by: Person };
    return t("log.masked", { by: by.name, user: user?.name ?? "", text });
  },
  comments_purged: ({ data }) => {
    const { user, count, by } = data as { user: Person; count: number; by: Person };
    return t("log.purged", { by: by.name, user: user.name, n: count });
  },
  avatar_removed: ({ data }) => {
    const { user, reason, by } = data as { user: Person; reason: string; by: Person };
    return t("log.avatar_removed", { by: by.name, user: user.name, reason });
  },
  modes: ({ data }) => t("log.modes", { by: (data.by as Person).name }),
  shield: ({ data }) => {
    const { on, by } = data as { on: boolean; by: Person | null };
    return by ? t(on ? "log.shield.on" : "log.shield.off", { by: by.name }) : t("log.shield.over");
  },
  role: ({ data }) => {
    const { user, role, by } = data as { user: Person; role: "viewer" | "moderator" | "senior_moderator"; by: Person };
    return t("log.role", { by: by.name, user: user.name, role: t(`role.${role}`) });
  },
};
