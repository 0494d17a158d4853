/** The host's coupons: made, dropped into the room, closed. */
import { useEffect, useState } from "preact/hooks";

import { couponCondition, couponValue } from "../i18n/coupon";
import { span } from "../i18n/format";
import { t } from "../i18n";
import { coupons as readCoupons } from "../live/api";
import type { Room } from "../live/room";
import { dropEndsMs } from "../live/sales";
import type { Coupon } from "../live/wire";
import { Empty } from "../ui/basics";
import { Countdown } from "../ui/countdown";
import { useTask } from "../ui/hooks";
import { Icon } from "../ui/icon";
import { toast, toastError } from "../ui/toasts";
import { CouponForm } from "./coupon_form";

const WITHIN_S = [10, 30, 60, 180] as const;

export function Coupons({ room }: { room: Room }) {
  const [made, setMade] = useState<readonly Coupon[]>([]);
  const [adding, setAdding] = useState(false);
  useEffect(() => {
    let here = true;
    readCoupons(room.id, room.token)
      .then(({ items }) => here && setMade(items))
      .catch(toastError);
    return () => {
      here = false;
    };
  }, [room]);
  return (
    <section class="coupons" aria-labelledby="coupons-title">
      <div class="line">
        <h3 id="coupons-title">{t("coupons.title")}</h3>
        <button class="button outline little" onClick={() => setAdding(true)} data-testid="new-coupon">
          <Icon name="plus" size={16} />
          {t("coupons.new")}
        </button>
      </div>
      {made.length === 0 && <Empty icon="ticket" title={t("coupons.none")} />}
      <ul>
        {made.map((coupon) => (
          <Row key={coupon.id} room={room} coupon={coupon} />
        ))}
      </ul>
      {adding && (
        <CouponForm room={room} onMade={(coupon) => setMade([coupon, ...made])} onClose={() => setAdding(false)} />
      )}
    </section>
  );
}

function Row({ room, coupon }: { room: Room; coupon: Coupon }) {
  const [seconds, setSeconds] = useState<number>(30);
  const task = useTask();
  const open = room.state.value.coupons.find(({ id }) => id === coupon.id);
  const product = room.state.value.products.find(({ id }) => id === coupon.product);
  const drop = async () => {
    const dropped = await task.run(() => room.send("coupon.drop", { coupon: coupon.id, seconds }).catch(told));
    if (dropped) toast(t("coupons.dropped", { title: coupon.title }));
  };
  return (
    <li class="coupon-row" data-testid="coupon-row" data-id={coupon.id}>
      <div class="shelf-text">
        <span class="product-name">
          <strong>{couponValue(coupon)}</strong> · {coupon.title}
        </span>
        <span class="small quiet">
          {[couponCondition(coupon, product?.title), t("coupons.quota_of", { n: coupon.quota })].filter(Boolean).join(" · ")}
        </span>
      </div>
      {open ? (
        <div class="shelf-tools">
          <span class="chip good">
            {t("coupons.open")}
            <Countdown untilMs={dropEndsMs(open)} now={room.now} />
          </span>
          <button class="button outline little" disabled={task.busy} onClick={() => void task.run(() => room.send("coupon.close", { coupon: coupon.id }).catch(told))} data-testid="coupon-close">
            {t("coupons.close")}
          </button>
        </div>
      ) : (
        <div class="shelf-tools">
          <label>
            <span class="unseen">{t("coupons.drop.seconds")}</span>
            <select class="input little" value={seconds} onChange={(event) => setSeconds(Number(event.currentTarget.value))} data-testid="coupon-seconds">
              {WITHIN_S.map((each) => (
                <option key={each} value={each}>
                  {span(each * 1000)}
                </option>
              ))}
            </select>
          </label>
          <button class="button primary little" disabled={task.busy} onClick={() => void drop()} aria-label={t("coupons.drop.label", { title: coupon.title })} data-testid="coupon-drop-button">
            {t("coupons.drop")}
          </button>
        </div>
      )}
    </li>
  );
}

/** Says what was refused where the host looks, and lets it count as refused. */
function told(thrown: unknown): never {
  toastError(thrown);
  throw thrown;
}
