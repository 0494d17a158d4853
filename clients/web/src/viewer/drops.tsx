/** Coupons that were dropped into the room: whoever taps in time has one. */
import { couponCondition, couponValue } from "../i18n/coupon";
import { t } from "../i18n";
import type { Room } from "../live/room";
import { dropEndsMs } from "../live/sales";
import type { Coupon } from "../live/wire";
import { Countdown } from "../ui/countdown";
import { useCountdown, useTask } from "../ui/hooks";
import { Icon } from "../ui/icon";
import { toast } from "../ui/toasts";
import { errorText } from "../i18n/errors";

const SHOWN_MAX = 2;

/** Drops that the caller may still claim, the latest first. */
export function openDrops(room: Room): Coupon[] {
  const mine = room.you.coupons.value;
  return room.state.value.coupons
    .filter((coupon) => dropEndsMs(coupon) > room.now())
    .filter((coupon) => mine.filter((claim) => claim.coupon === coupon.id).length < coupon.per_person)
    .slice(0, SHOWN_MAX);
}

export function Drops({ room }: { room: Room }) {
  const drops = openDrops(room);
  const ends = drops.map(dropEndsMs).filter(Number.isFinite);
  useCountdown(ends.length > 0 ? Math.min(...ends) : null, room.now);
  return (
    <>
      {drops.map((coupon) => (
        <Drop key={coupon.id} room={room} coupon={coupon} />
      ))}
    </>
  );
}

function Drop({ room, coupon }: { room: Room; coupon: Coupon }) {
  const task = useTask();
  const signedIn = room.you.user.value !== null;
  const product = room.state.value.products.find(({ id }) => id === coupon.product);
  const condition = couponCondition(coupon, product?.title);
  const ends = dropEndsMs(coupon);
  const left = room.couponsLeft.value[coupon.id];
  const claim = async () => {
    if (await task.run(() => room.claim(coupon.id))) toast(t("coupon.claimed"));
  };
  return (
    <section class="drop" aria-label={t("coupon.drop.label")} data-testid="coupon-drop" data-id={coupon.id}>
      <div class="drop-value">
        <Icon name="ticket" size={20} />
        <strong class="numbers">{couponValue(coupon)}</strong>
      </div>
      <div class="drop-text">
        <span class="product-title">{coupon.title}</span>
        {condition && <span class="small">{condition}</span>}
        {left !== undefined && (
          <span class="small numbers" data-testid="drop-left">
            {t("coupon.left", { n: left })}
          </span>
        )}
        {task.refusal && (
          <span class="small drop-refused" role="alert" data-testid="claim-error">
            {errorText(task.refusal)}
          </span>
        )}
      </div>
      <button class="button primary little" disabled={task.busy || !signedIn} onClick={() => void claim()} data-testid="claim-button">
        {signedIn ? t("coupon.claim") : t("coupon.sign_in")}
        {Number.isFinite(ends) && <Countdown untilMs={ends} now={room.now} data-testid="drop-countdown" />}
      </button>
      <span class="unseen" role="status">
        {t("coupon.dropped", { title: coupon.title })}
      </span>
    </section>
  );
}
