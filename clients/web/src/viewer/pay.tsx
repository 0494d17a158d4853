/** The second half of buying: the hold with its countdown, the payment, and how it ended. */
import { useState } from "preact/hooks";

import { errorText } from "../i18n/errors";
import { money } from "../i18n/format";
import { t } from "../i18n";
import type { Room } from "../live/room";
import { inCoins } from "../live/wallet";
import type { Order, OrderStatus } from "../live/wire";
import { Notice, Spinner } from "../ui/basics";
import { amount } from "../ui/coins";
import { Countdown } from "../ui/countdown";
import { useCountdown } from "../ui/hooks";
import { Icon } from "../ui/icon";
import { Lines, Summary } from "../ui/lines";
import { BackNotice, MethodDetails, Methods, useCoinPrices, usePayment } from "./payment";

const SOON_S = 60;

export function Pay({ room, order }: { room: Room; order: Order }) {
  const [declined, setDeclined] = useState(false);
  const prices = useCoinPrices();
  const coins = inCoins(order.total_minor, order.currency, prices);
  const payment = usePayment((how) => room.pay({ order: order.id, ...how }), coins === null ? "coins" : null);
  const { task } = payment;
  const byCoins = payment.method?.method === "coins";
  const left = useCountdown(order.hold_until_ms, room.now) ?? Infinity;
  const pay = () => payment.pay(declined ? "declined" : "ok");
  const cancel = () => task.run(() => room.order("order.cancel", { order: order.id }));
  return (
    <>
      <div class={`hold${left < SOON_S ? " soon" : ""}`} data-testid="order-status" data-status="held">
        <Icon name="clock" size={26} />
        <div>
          <strong>{t("order.held")}</strong>
          <div class="small">{t("order.held.hint")}</div>
        </div>
        {order.hold_until_ms !== null && (
          <Countdown class="hold-clock" untilMs={order.hold_until_ms} now={room.now} data-testid="hold-countdown" />
        )}
      </div>
      <Summary order={order} />
      <Lines lines={order.lines} totalMinor={order.total_minor} currency={order.currency} />
      <BackNotice order={order} />
      <Methods payment={payment} />
      <MethodDetails payment={payment} declined={declined} onDeclined={setDeclined} />
      {byCoins && <HaveCoins room={room} coins={coins ?? 0} />}
      {task.refusal && (
        <Notice tone="bad" icon="warn" data-testid="pay-error">
          {errorText(task.refusal)}
        </Notice>
      )}
      <button class="button primary wide" disabled={task.busy || left <= 0} onClick={() => void pay()} data-testid="pay-button">
        {task.busy && <Spinner />}
        {payText(order, byCoins ? coins : null)}
      </button>
      <button class="button outline wide" disabled={task.busy} onClick={() => void cancel()} data-testid="cancel-order">
        {t("order.cancel")}
      </button>
    </>
  );
}

function payText(order: Order, coins: number | null): string {
  if (coins !== null) return t("pay.coins", { n: amount(coins) });
  return t("pay.amount", { amount: money(order.total_minor, order.currency) });
}

function HaveCoins({ room, coins }: { room: Room; coins: number }) {
  const have = room.you.wallet.value?.coins ?? 0;
  return (
    <p class={`small center${have < coins ? " short" : " quiet"}`} data-testid="pay-coins-have">
      {t(have < coins ? "pay.coins.short" : "pay.coins.have", { n: amount(have) })}
    </p>
  );
}

export function Settled({ order, status, onAgain, onClose }: {
  order: Order;
  status: Exclude<OrderStatus, "held">;
  onAgain: () => void;
  onClose: () => void;
}) {
  const paid = status === "paid";
  return (
    <>
      <div class={`settled ${status}`} role="status" data-testid="order-status" data-status={status}>
        <span class="settled-mark">
          <Icon name={paid ? "check" : status === "expired" ? "clock" : "close"} size={34} />
        </span>
        <h3>{t(`order.status.${status}.title`)}</h3>
        <p class="quiet">{t(`order.status.${status}.hint`)}</p>
      </div>
      <Summary order={order} />
      <Lines lines={order.lines} totalMinor={order.total_minor} currency={order.currency} />
      {!paid && (
        <button class="button primary wide" onClick={onAgain} data-testid="buy-again">
          {t("buy.again")}
        </button>
      )}
      <button class={`button wide ${paid ? "primary" : "outline"}`} onClick={onClose} data-testid="buy-done">
        {t("buy.back")}
      </button>
    </>
  );
}
