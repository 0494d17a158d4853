/** Points: today's tasks, the level, and what can be had for them. */
import { useEffect, useState } from "preact/hooks";

import { t } from "../../i18n";
import { errorText } from "../../i18n/errors";
import { pointsDay, timesDone, type Offer, type PointsDay, type Task } from "../../live/points";
import type { Room } from "../../live/room";
import { Notice, Spinner } from "../../ui/basics";
import { useTask } from "../../ui/hooks";
import { Icon } from "../../ui/icon";
import { Sheet } from "../../ui/sheet";
import { toast } from "../../ui/toasts";
import "./points.css";

export function PointsSheet({ room, onClose }: { room: Room; onClose: () => void }) {
  const [day, setDay] = useState<PointsDay | null>(null);
  const loading = useTask();
  const changed = room.you.points.value;
  const load = loading.run;
  useEffect(() => {
    if (room.token !== null) void load(async () => setDay(await pointsDay(room.id, room.token)));
    // When the sheet opens, and whenever there are more points, or fewer.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [changed]);
  return (
    <Sheet title={t("points.title")} onClose={onClose} data-testid="points-sheet">
      {room.you.user.value === null && <Notice icon="info">{t("points.sign_in")}</Notice>}
      {loading.refusal && <Notice tone="bad" icon="warn">{errorText(loading.refusal)}</Notice>}
      {!day && loading.busy && <Spinner />}
      {day && (
        <>
          <Standing day={day} />
          <ul class="tasks">
            {day.tasks.map((task) => (
              <TaskLine key={task.task} room={room} task={task} />
            ))}
          </ul>
          <p class="small quiet numbers">
            {t("points.today", { n: day.today, most: day.a_day })}{" "}
            {t("points.ends", { time: new Date(day.day_ends_ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }) })}
          </p>
          {day.offers.length > 0 && <h3>{t("points.offers")}</h3>}
          <ul class="offers-for-points">
            {day.offers.map((offer) => (
              <OfferLine key={offer.id} room={room} offer={offer} points={day.points} onChange={() => void load(async () => setDay(await pointsDay(room.id, room.token)))} />
            ))}
          </ul>
        </>
      )}
    </Sheet>
  );
}

function Standing({ day: { points, level } }: { day: PointsDay }) {
  return (
    <div class="points-standing">
      <strong class="numbers" data-testid="points-balance" data-points={points}>
        {t("points.balance", { n: points })}
      </strong>
      <span class="level-chip numbers" data-testid="points-level" data-level={level.level}>
        {t("points.level", { level: level.level })}
      </span>
      <span class="small quiet numbers">
        {level.next === null ? t("points.top") : t("points.next", { n: level.next - level.earned, level: level.level + 1 })}
      </span>
      {level.next !== null && <progress value={level.earned} max={level.next} aria-label={t("points.level", { level: level.level })} />}
    </div>
  );
}

function TaskLine({ room, task }: { room: Room; task: Task }) {
  const sharing = useTask();
  const done = timesDone(task);
  const whole = done >= task.times;
  const per = task.task === "watch" ? Math.round(task.per / 60_000) : task.per;
  const share = async () => {
    const went = await sharing.run(async () => {
      // Without HTTPS there is no clipboard; what counts is what the server is told.
      if ("clipboard" in navigator) await navigator.clipboard.writeText(`${location.origin}/r/${room.id}`).catch(() => undefined);
      const { points } = await room.send("share", {});
      toast(points > 0 ? t("points.shared.earned", { n: points }) : t("points.shared"));
    });
    if (!went && sharing.refusal) toast(errorText(sharing.refusal));
  };
  return (
    <li class={`task${whole ? " done" : ""}`} data-testid={`task-${task.task}`} data-done={done}>
      <Icon name={whole ? "check" : "bolt"} size={18} />
      <span class="task-name">{t(`points.task.${task.task}`, { per })}</span>
      <span class="small quiet numbers">{t("points.task.times", { done, times: task.times })}</span>
      {task.task === "share" && !whole ? (
        <button class="button outline little" disabled={sharing.busy} onClick={() => void share()} data-testid="share-button">
          {t("points.share")} {t("points.task.gain", { n: task.points })}
        </button>
      ) : (
        <strong class="numbers">{t("points.task.gain", { n: task.points })}</strong>
      )}
    </li>
  );
}

function OfferLine({ room, offer, points, onChange }: { room: Room; offer: Offer; points: number; onChange: () => void }) {
  const task = useTask();
  const had = offer.mine >= offer.per_person;
  const none = offer.stock === 0;
  const redeem = async () => {
    const went = await task.run(() => room.redeem(offer.id));
    if (went) toast(t("points.redeemed", { title: offer.title }));
    onChange();
  };
  return (
    <li class="offer-for-points" data-testid="points-offer" data-id={offer.id}>
      <Icon name={offer.kind === "coins" ? "coin" : "ticket"} size={20} />
      <span class="task-name">
        {offer.title}
        <span class="small quiet numbers">
          {" "}
          {offer.kind === "coins" && `${t("points.offer.coins", { n: offer.amount })} · `}
          {none ? t("points.offer.none") : t("points.offer.left", { n: offer.stock })}
        </span>
        {task.refusal && (
          <span class="small drop-refused" role="alert">
            {errorText(task.refusal)}
          </span>
        )}
      </span>
      <button
        class="button primary little numbers"
        disabled={task.busy || had || none || points < offer.points}
        onClick={() => void redeem()}
        data-testid="redeem-button"
      >
        {had ? t("points.offer.had") : t("points.offer.price", { n: offer.points })}
      </button>
    </li>
  );
}
