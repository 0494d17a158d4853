/** Orders as they come in, what they add up to, and what can be done with each. */
import { useState } from "preact/hooks";

import { money, timeOfDay } from "../i18n/format";
import { t } from "../i18n";
import type { Room } from "../live/room";
import type { Order } from "../live/wire";
import { Empty } from "../ui/basics";
import { OrderChip } from "../ui/order";
import { OrderSheet } from "./order_sheet";

const FRESH_MS = 4_000;

export function Orders({ room }: { room: Room }) {
  const [open, setOpen] = useState<string | null>(null);
  const orders = room.staff.orders.value;
  const shown = orders.find(({ id }) => id === open);
  if (orders.length === 0) {
    return (
      <Empty icon="bag" title={t("orders.host.none")}>
        <span class="small">{t("orders.host.none.hint")}</span>
      </Empty>
    );
  }
  return (
    <div class="orders">
      <p class="orders-sum numbers" data-testid="orders-sum">
        {t("orders.sum", { n: orders.filter((order) => order.status === "paid").length, sum: sums(orders) })}
      </p>
      <ul>
        {orders.map((order) => (
          <li key={order.id} class={`order-row${room.now() - order.created_at_ms < FRESH_MS ? " fresh" : ""}`} data-testid="order-row" data-status={order.status}>
            <button class="order-open" onClick={() => setOpen(order.id)} data-testid="order-open">
              <span class="order-main">
                <strong class="ellipsis">{order.buyer.name}</strong>
                <span class="small quiet ellipsis">
                  {order.title} × {order.qty}
                </span>
              </span>
              <span class="order-side">
                <strong class="numbers">{money(order.total_minor, order.currency)}</strong>
                <span class="small quiet numbers">{timeOfDay(order.created_at_ms)}</span>
              </span>
            </button>
            <OrderChip order={order} />
          </li>
        ))}
      </ul>
      {shown && <OrderSheet room={room} order={shown} onClose={() => setOpen(null)} />}
    </div>
  );
}

function sums(orders: readonly Order[]): string {
  const byCurrency = new Map<string, number>();
  for (const order of orders) {
    if (order.status !== "paid") continue;
    byCurrency.set(order.currency, (byCurrency.get(order.currency) ?? 0) + order.total_minor);
  }
  return [...byCurrency].map(([currency, minor]) => money(minor, currency)).join(" + ") || "–";
}
