/** Buying: choose, hold, pay. The order itself comes from the room, so every end of it is seen here. */
import { useState } from "preact/hooks";

import { t } from "../i18n";
import type { Room } from "../live/room";
import type { Product } from "../live/wire";
import { Notice } from "../ui/basics";
import { Sheet } from "../ui/sheet";
import { Choose } from "./choose";
import { Pay, Settled } from "./pay";

interface BuyProps {
  room: Room;
  product: Product;
  /** The kind to begin with. */
  sku?: string | undefined;
  /** An order that is waiting for its payment, to go on with. */
  resume: string | null;
  onClose: () => void;
}

export function BuySheet({ room, product, sku, resume, onClose }: BuyProps) {
  const [orderId, setOrderId] = useState(resume);
  const order = room.you.orders.value.find((each) => each.id === orderId);
  return (
    <Sheet title={order ? t("order.title") : t("buy.title")} onClose={onClose} data-testid="buy-sheet">
      {room.you.user.value === null ? (
        <Notice icon="info">{t("composer.guest")}</Notice>
      ) : !order ? (
        <Choose room={room} product={product} preferred={sku} onOrder={setOrderId} />
      ) : order.status === "held" ? (
        <Pay room={room} order={order} />
      ) : (
        <Settled order={order} status={order.status} onAgain={() => setOrderId(null)} onClose={onClose} />
      )}
    </Sheet>
  );
}
