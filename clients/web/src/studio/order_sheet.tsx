/** One order in whole: how its price came about, where it goes, what became of it; and its refund. */
import { useState } from "preact/hooks";

import { errorText } from "../i18n/errors";
import { money, timeOfDay } from "../i18n/format";
import { t } from "../i18n";
import type { Room } from "../live/room";
import type { Order } from "../live/wire";
import { Notice } from "../ui/basics";
import { useTask } from "../ui/hooks";
import { Lines, Summary } from "../ui/lines";
import { OrderChip, useWhole, Whole } from "../ui/order";
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
