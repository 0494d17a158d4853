/** Where a product that one has won goes to: said afterwards, or corrected. */
import { useState } from "preact/hooks";

import { errorText } from "../i18n/errors";
import { t } from "../i18n";
import type { Room } from "../live/room";
import type { Order } from "../live/wire";
import { Notice, Spinner } from "../ui/basics";
import { useTask } from "../ui/hooks";
import { addressOf, keepDelivery, recallDelivery } from "./delivery";
import { DeliveryFields } from "./delivery_fields";

export function isPrize({ lines, status }: Order): boolean {
  return status === "paid" && lines.some(({ kind }) => kind === "prize");
}

export function PrizeAddress({ room, order, onSaid }: { room: Room; order: Order; onSaid?: () => void }) {
  const [delivery, setDelivery] = useState(recallDelivery);
  const [bad, setBad] = useState(false);
  const [said, setSaid] = useState(false);
  const task = useTask();
  const say = () => {
    const address = addressOf(delivery);
    setBad(!address);
    if (!address) return;
    keepDelivery(delivery);
    void task.run(async () => {
      await room.send("order.address", { order: order.id, address });
      setSaid(true);
      onSaid?.();
    });
  };
  return (
    <div class="stack" data-testid="prize-address">
      <p class="small">{t("prize.address.hint")}</p>
      <DeliveryFields delivery={delivery} bad={bad} onChange={(some) => setDelivery({ ...delivery, ...some })} />
      {task.refusal && (
        <Notice tone="bad" icon="warn">
          {errorText(task.refusal)}
        </Notice>
      )}
      {said && (
        <Notice tone="good" icon="check" data-testid="prize-address-said">
          {t("prize.address.said")}
        </Notice>
      )}
      <button class="button outline wide" disabled={task.busy} onClick={say} data-testid="prize-address-say">
        {task.busy && <Spinner />}
        {t("prize.address.say")}
      </button>
    </div>
  );
}
