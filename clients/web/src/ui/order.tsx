/** How an order stands; and what isn't in events of it: address, note and history. */
import { useEffect, useState } from "preact/hooks";

import { money, timeOfDay } from "../i18n/format";
import { t } from "../i18n";
import { wholeOrder } from "../live/api";
import type { Room } from "../live/room";
import type { Order, OrderStatus } from "../live/wire";

const TONES: Record<OrderStatus, string> = { held: "wait", paid: "good", cancelled: "", expired: "", refunded: "bad" };

export function OrderChip({ order }: { order: Order }) {
  return (
    <span class={`chip ${TONES[order.status]}`} data-testid="order-chip" data-status={order.status}>
      {t(`order.status.${order.status}`)}
    </span>
  );
}

/** Address, note and history aren't in events; they are asked for, anew after each change of the status. */
export function useWhole(room: Room, { id, status }: Order): Order | null {
  const [whole, setWhole] = useState<Order | null>(null);
  useEffect(() => {
    let here = true;
    wholeOrder(id, room.token).then(
      (order) => here && setWhole(order),
      () => undefined, // the rest of the order is good without it
    );
    return () => {
      here = false;
    };
  }, [room, id, status]);
  return whole;
}

export function Whole({ order }: { order: Order | null }) {
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
                <span class="numbers">{money(payment.amount_minor, payment.currency)}</span> ·{" "}
                {t(`payment.status.${payment.status}`)}
                {payment.problem && <span class="quiet"> ({payment.problem})</span>}
              </li>
            ))}
          </ol>
        </div>
      )}
    </>
  );
}
