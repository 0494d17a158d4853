import { timeOfDay } from "../i18n/format";
import { t } from "../i18n";
import type { Room } from "../live/room";
import type { Product } from "../live/wire";
import { Empty } from "../ui/basics";
import { OrderChip } from "../ui/order";
import { Sheet } from "../ui/sheet";
import { Summary } from "../ui/lines";

interface OrdersProps {
  room: Room;
  onResume: (product: Product, order: string) => void;
  onClose: () => void;
}

export function OrdersSheet({ room, onResume, onClose }: OrdersProps) {
  const orders = room.you.orders.value;
  return (
    <Sheet title={t("orders.mine")} onClose={onClose} data-testid="my-orders">
      {orders.length === 0 && (
        <Empty icon="bag" title={t("orders.none")}>
          <span class="small">{t("orders.none.hint")}</span>
        </Empty>
      )}
      {orders.map((order) => {
        const product = room.state.value.products.find((each) => each.id === order.product);
        return (
          <article key={order.id} class="order" data-testid="my-order" data-status={order.status}>
            <Summary order={order} />
            <div class="line">
              <span class="small quiet numbers">{timeOfDay(order.created_at_ms)}</span>
              <OrderChip order={order} />
            </div>
            {order.status === "held" && product && (
              <button class="button primary little" onClick={() => onResume(product, order.id)}>
                {t("order.pay")}
              </button>
            )}
          </article>
        );
      })}
    </Sheet>
  );
}
