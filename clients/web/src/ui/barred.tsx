/** Why somebody can't comment because of the room's modes, and what they can do about it. */
import { errorText } from "../i18n/errors";
import { clockTime, span } from "../i18n/format";
import { t } from "../i18n";
import type { Refusal } from "../live/errors";
import { barred, shieldUp, type Barred } from "../live/modes";
import type { Room } from "../live/room";
import { Notice } from "./basics";
import { useNow, useTask } from "./hooks";
import { Icon } from "./icon";
import "./modes.css";

/** Where somebody can go from here in order to comment. */
export interface Ways {
  onGift?: () => void;
  onBuy?: () => void;
}

/** Refusals that say who may comment at all: trying again helps nobody until something has changed. */
export const SHUT_OUT = new Set(["members_only", "buyers_only", "followers_only", "comments_closed"]);

/** What is in the way of this viewer, as far as it is known here; those on stage were let in. */
export function useBarred(room: Room, staff: boolean): Barred | null {
  const { settings } = room.state.value;
  const since = room.you.followedSince.value;
  const exempt = staff || room.you.guest.value?.status === "on";
  const waits = !exempt && barred(settings, since, room.now()) !== null;
  const now = useNow(room.now, waits || settings.shield?.until_ms != null, 1_000);
  return exempt ? null : barred(settings, since, now);
}

export function BarredNotice({ room, why }: { room: Room; why: Barred }) {
  const task = useTask();
  const now = useNow(room.now, why.why === "followers" && why.until_ms !== null, 1_000);
  const follows = why.why === "followers" && why.until_ms === null;
  return (
    <div class="barred" data-testid="barred" data-why={why.why}>
      <Notice icon={shieldUp(room.state.value.settings, now) ? "shield" : "info"}>
        <ShieldWords room={room} now={now} />
        <span>{wordsFor(why, now)}</span>
        {follows && (
          <span class="barred-ways">
            <button
              class="button little primary"
              disabled={task.busy}
              onClick={() => void task.run(async () => room.you.setFollow(await room.send("follow", {}), room.now()))}
              data-testid="barred-follow"
            >
              {t("modes.way.follow")}
            </button>
          </span>
        )}
        {task.refusal && <span class="small">{errorText(task.refusal)}</span>}
      </Notice>
    </div>
  );
}

function wordsFor(why: Barred, now: number): string {
  if (why.why === "moderators") return t("modes.you.moderators");
  if (why.until_ms !== null) return t("modes.you.followers.wait", { left: clockTime(why.until_ms - now) });
  if (why.followed_for_s === 0) return t("modes.you.followers");
  return t("modes.you.followers.for", { span: span(why.followed_for_s * 1000) });
}

/** The same for what only the server knew. `onAgain` lets the form come back. */
export function RefusedNotice({ room, refusal, ways, onAgain }: {
  room: Room;
  refusal: Refusal;
  ways: Ways;
  onAgain: () => void;
}) {
  const members = refusal.code === "members_only";
  const buyers = refusal.code === "buyers_only";
  return (
    <div class="barred" data-testid="barred" data-why={refusal.code}>
      <Notice icon="info">
        <ShieldWords room={room} now={room.now()} />
        <span>{refusedWords(refusal)}</span>
        <span class="barred-ways">
          {members && ways.onGift && (
            <button class="button little primary" onClick={ways.onGift}>
              {t("modes.way.gift")}
            </button>
          )}
          {buyers && ways.onBuy && (
            <button class="button little primary" onClick={ways.onBuy}>
              {t("modes.way.buy")}
            </button>
          )}
          <button class="button little outline" onClick={onAgain} data-testid="barred-again">
            {t("modes.way.again")}
          </button>
        </span>
      </Notice>
    </div>
  );
}

function refusedWords(refusal: Refusal): string {
  const [level, yours] = [refusal.detail("level"), refusal.detail("yours")];
  if (refusal.code === "members_only" && typeof level === "number" && typeof yours === "number") {
    return t("modes.you.members", { level, yours });
  }
  return refusal.code === "followers_only" ? t("modes.you.followers") : errorText(refusal);
}

function ShieldWords({ room, now }: { room: Room; now: number }) {
  return shieldUp(room.state.value.settings, now) ? <strong>{t("modes.you.shield")}</strong> : null;
}

/** One line above the form of who may comment nevertheless. */
export function ShieldLine({ room }: { room: Room }) {
  const { settings } = room.state.value;
  const now = useNow(room.now, settings.shield?.until_ms != null, 1_000);
  if (!shieldUp(settings, now)) return null;
  return (
    <p class="shield-said" data-testid="shield-line">
      <Icon name="shield" size={15} />
      {t("modes.you.shield")}
    </p>
  );
}
