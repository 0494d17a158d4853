/** The caller's orders in this room, those of earlier too; each opens to how its price and its state came about. */
import { useEffect, useState } from "preact/hooks";

import { dayAndTime } from "../i18n/format";
import { t } from "../i18n";
import { orders as readOrders } from "../live/api";
import type { Room } from "../live/room";
import type { Order, Product } from "../live/wire";
import { Empty } from "../ui/basics";
import { Icon } from "../ui/icon";
import { Lines, Summary } from "../ui/lines";
import { OrderChip, useWhole, Whole } from "../ui/order";
import { Sheet } from "../ui/sheet";
import { isPrize, PrizeAddress } from "./prize_address";
import { toastError } from "../ui/toasts";

interface OrdersProps {
  room: Room;
  onResume: (product: Product, order: string) => void;
  onClose: () => void;
}

export function OrdersSheet({ room, onResume, onClose }: OrdersProps) {
  const orders = useAllOrders(room);
  return (
    <Sheet title={t("orders.mine")} onClose={onClose} data-testid="my-orders">
      {orders.length === 0 && (
        <Empty icon="bag" title={t("orders.none")}>
          <span class="small">{t("orders.none.hint")}</span>
        </Empty>
      )}
      {orders.map((order) => (
        <Row key={order.id} room={room} order={order} onResume={onResume} />
      ))}
    </Sheet>
  );
}

/** What the room has told of since this page is here, and the latest page of what was before. Newest first. */
function useAllOrders(room: Room): readonly Order[] {
  const [earlier, setEarlier] = useState<readonly Order[]>([]);
  const buyer = room.you.user.value?.id;
  useEffect(() => {
    let here = true;
    // A host is given everybody's.
    const own = (items: readonly Order[]) => items.filter((order) => order.buyer.id === buyer);
    readOrders(room.id, room.token).then(({ items }) => here && setEarlier(own(items)), toastError);
    return () => {
      here = false;
    };
  }, [room, buyer]);
  const live = room.you.orders.value;
  const known = new Set(live.map(({ id }) => id));
  return [...live, ...earlier.filter(({ id }) => !known.has(id))].sort((a, b) => b.created_at_ms - a.created_at_ms);
}

function Row({ room, order, onResume }: { room: Room; order: Order; onResume: OrdersProps["onResume"] }) {
  const [open, setOpen] = useState(false);
  const product = room.state.value.products.find((each) => each.id === order.product);
  return (
    <article class="order" data-testid="my-order" data-status={order.status}>
      <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary data-testid="my-order-open">
          <Summary order={order} />
          <span class="line">
            <span class="small quiet numbers">{dayAndTime(order.created_at_ms, room.now())}</span>
            <OrderChip order={order} />
            <Icon name="down" size={18} />
          </span>
        </summary>
        {open && <Details room={room} order={order} />}
      </details>
      {order.status === "held" && product && (
        <button class="button primary little" onClick={() => onResume(product, order.id)}>
          {t("order.pay")}
        </button>
      )}
    </article>
  );
}

function Details({ room, order }: { room: Room; order: Order }) {
  const whole = useWhole(room, order);
  return (
    <div class="stack" data-testid="order-details">
      <Lines lines={order.lines} totalMinor={order.total_minor} currency={order.currency} />
      <Whole order={whole} />
      {isPrize(order) && <PrizeAddress room={room} order={order} />}
    </div>
  );
}
