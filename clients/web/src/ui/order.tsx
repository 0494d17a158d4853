import { t } from "../i18n";
import type { Order, OrderStatus } from "../live/wire";

const TONES: Record<OrderStatus, string> = { held: "wait", paid: "good", cancelled: "", expired: "", refunded: "bad" };

export function OrderChip({ order }: { order: Order }) {
  return (
    <span class={`chip ${TONES[order.status]}`} data-testid="order-chip" data-status={order.status}>
      {t(`order.status.${order.status}`)}
    </span>
  );
}
