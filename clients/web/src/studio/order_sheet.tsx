/** One order in whole: how its price came about, where it goes, what became of it; and its refund. */
import { useEffect, useState } from "preact/hooks";

import { errorText } from "../i18n/errors";
import { money, timeOfDay } from "../i18n/format";
import { t } from "../i18n";
import { wholeOrder } from "../live/api";
import type { Room } from "../live/room";
import type { Order } from "../live/wire";
import { Notice } from "../ui/basics";
import { useTask } from "../ui/hooks";
import { Lines, Summary } from "../ui/lines";
import { OrderChip } from "../ui/order";
import { Confirm, Sheet } from "../ui/sheet";
import { toast } from "../ui/toasts";

export function OrderSheet({ room, order, onClose }: { room: Room; order: Order; onClose: () => void }) {
  const [asking, setAsking] = useState(false);
  const whole = useWhole(room, order);
  const task = useTask();
  const refund = async () => {
    setAsking(false);
    const done = await task.run(async () => {
      const answer = await room.send("order.refund", { order: order.id, reason: "host", restock: true });
      room.staff.addOrder(answer.order);
    });
    if (done) toast(t("refund.done"));
  };
  return (
    <Sheet title={order.buyer.name} onClose={onClose} data-testid="order-sheet">
      <div class="line">
        <span class="small quiet numbers">{timeOfDay(order.created_at_ms)}</span>
        <OrderChip order={order} />
      </div>
      <Summary order={order} />
      <Lines lines={order.lines} totalMinor={order.total_minor} currency={order.currency} />
      <Whole order={whole} />
      {task.refusal && (
        <Notice tone="bad" icon="warn" data-testid="refund-error">
          {errorText(task.refusal)}
        </Notice>
      )}
      {order.status === "paid" && room.can("refund") && (
        <button class="button danger wide" disabled={task.busy} onClick={() => setAsking(true)} data-testid="refund-button">
          {t("refund")}
        </button>
      )}
      {asking && (
        <Confirm
          title={t("refund.title")}
          text={t("refund.text", {
            name: order.buyer.name,
            amount: money(order.total_minor, order.currency),
            title: order.title,
          })}
          action={t("refund")}
          onYes={() => void refund()}
          onClose={() => setAsking(false)}
        />
      )}
    </Sheet>
  );
}

/** Address, note and history aren't in events; they are asked for, anew after each change of the status. */
function useWhole(room: Room, { id, status }: Order): Order | null {
  const [whole, setWhole] = useState<Order | null>(null);
  useEffect(() => {
    let here = true;
    wholeOrder(id, room.token).then(
      (order) => here && setWhole(order),
      () => undefined, // the rest of the sheet is good without it
    );
    return () => {
      here = false;
    };
  }, [room, id, status]);
  return whole;
}

function Whole({ order }: { order: Order | null }) {
  const { address, note, history, payments } = order ?? {};
  return (
    <>
      {address && (
        <div class="stack-tight" data-testid="order-address">
          <span class="small quiet">{t("order.address")}</span>
          <span>
            {[address.name, address.phone].filter(Boolean).join(" · ")}
            <br />
            {[...address.lines, address.city, address.region, address.postcode, address.country].filter(Boolean).join(", ")}
          </span>
        </div>
      )}
      {note && (
        <div class="stack-tight">
          <span class="small quiet">{t("order.note")}</span>
          <span class="pre">{note}</span>
        </div>
      )}
      {history && history.length > 0 && (
        <div class="stack-tight" data-testid="order-history">
          <span class="small quiet">{t("order.history")}</span>
          <ol class="history small">
            {history.map((step, index) => (
              <li key={index}>
                <span class="numbers quiet">{timeOfDay(step.at_ms)}</span> {t(`order.status.${step.status}`)}
              </li>
            ))}
          </ol>
        </div>
      )}
      {payments && payments.length > 0 && (
        <div class="stack-tight" data-testid="order-payments">
          <span class="small quiet">{t("order.payments")}</span>
          <ol class="history small">
            {payments.map((payment) => (
              <li key={payment.id} data-status={payment.status}>
                <span class="numbers quiet">{timeOfDay(payment.created_at_ms)}</span> {payment.provider}{" "}
                <span class="numbers">{money(payment.amount_minor, payment.currency)}</span> · {t(`payment.status.${payment.status}`)}
                {payment.problem && <span class="quiet"> ({payment.problem})</span>}
              </li>
            ))}
          </ol>
        </div>
      )}
    </>
  );
}
