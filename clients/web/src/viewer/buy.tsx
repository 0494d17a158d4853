/** Buying: choose, hold, pay. The order itself comes from the room, so every end of it is seen here. */
import { useState } from "preact/hooks";

import { errorText } from "../i18n/errors";
import { clockTime, money } from "../i18n/format";
import { t } from "../i18n";
import type { Room } from "../live/room";
import type { Order, OrderStatus, Product, Sku } from "../live/wire";
import { IconButton, Notice, Spinner, Thumb } from "../ui/basics";
import { useNow, useTask } from "../ui/hooks";
import { Icon } from "../ui/icon";
import { Sheet } from "../ui/sheet";
import { BackNotice, Methods, SandboxCards, usePayment } from "./payment";
import { StockLeft } from "./products";

const QTY_MAX = 20;

interface BuyProps {
  room: Room;
  product: Product;
  /** An order that is waiting for its payment, to go on with. */
  resume: string | null;
  onClose: () => void;
}

export function BuySheet({ room, product, resume, onClose }: BuyProps) {
  const [orderId, setOrderId] = useState(resume);
  const order = room.you.orders.value.find((each) => each.id === orderId);
  return (
    <Sheet title={order ? t("order.title") : t("buy.title")} onClose={onClose} data-testid="buy-sheet">
      {room.you.user.value === null ? (
        <Notice icon="info">{t("composer.guest")}</Notice>
      ) : !order ? (
        <Choose room={room} product={product} onOrder={setOrderId} />
      ) : order.status === "held" ? (
        <Pay room={room} order={order} />
      ) : (
        <Settled order={order} status={order.status} onAgain={() => setOrderId(null)} onClose={onClose} />
      )}
    </Sheet>
  );
}

function Choose({ room, product, onOrder }: { room: Room; product: Product; onOrder: (id: string) => void }) {
  // The shelf's own entry, if it changed while the sheet is open.
  const current = room.state.value.products.find((each) => each.id === product.id);
  const skus = (current ?? product).skus;
  const [skuId, setSkuId] = useState(skus[0]?.id ?? "");
  const [qty, setQty] = useState(1);
  const task = useTask();
  const sku = skus.find((each) => each.id === skuId) ?? skus[0];
  if (!sku || !current) return <Notice icon="info">{t("buy.gone")}</Notice>;

  const left = room.stock.value[sku.id] ?? null;
  const most = Math.min(QTY_MAX, left ?? QTY_MAX);
  const buy = () => task.run(async () => onOrder((await room.order("buy", { sku: sku.id, qty })).id));
  return (
    <>
      <div class="product big">
        <Thumb url={current.picture} size={96} />
        <div class="product-text">
          <h3 class="product-title">{current.title}</h3>
          <span class="price numbers">{money(sku.price_minor, sku.currency)}</span>
          <StockLeft left={left} />
        </div>
      </div>
      {skus.length > 1 && <SkuPicker skus={skus} chosen={sku.id} onChoose={setSkuId} />}
      <div class="line">
        <span id="qty-label">{t("buy.qty")}</span>
        <div class="stepper" role="group" aria-labelledby="qty-label">
          <IconButton icon="minus" label={t("buy.fewer")} disabled={qty <= 1} onClick={() => setQty(qty - 1)} />
          <output class="numbers" data-testid="qty">
            {qty}
          </output>
          <IconButton
            icon="plus"
            label={t("buy.more")}
            disabled={qty >= most}
            onClick={() => setQty(qty + 1)}
            data-testid="qty-more"
          />
        </div>
      </div>
      <Total minor={sku.price_minor * qty} currency={sku.currency} />
      {task.refusal && (
        <Notice tone="bad" icon="warn" data-testid="buy-error">
          {errorText(task.refusal)}
        </Notice>
      )}
      <button
        class="button primary wide"
        disabled={task.busy || left === 0}
        onClick={() => void buy()}
        data-testid="hold-button"
      >
        {task.busy && <Waiting before={room.before.value} />}
        {left === 0 ? t("buy.sold_out") : t("buy.reserve")}
      </button>
      <p class="small quiet center">{t("buy.reserve.hint")}</p>
    </>
  );
}

/** How many are before this purchase, as soon as that is known; until then, that something is under way. */
function Waiting({ before }: { before: number | null }) {
  if (before === null) return <Spinner />;
  return (
    <span role="status" class="numbers" data-testid="buy-waiting">
      {t("buy.before", { count: before })}
    </span>
  );
}

function SkuPicker({ skus, chosen, onChoose }: { skus: readonly Sku[]; chosen: string; onChoose: (id: string) => void }) {
  return (
    <div class="sku-row" role="group" aria-label={t("buy.kind")}>
      {skus.map((sku) => (
        <button
          key={sku.id}
          class={`button little ${sku.id === chosen ? "primary" : "outline"}`}
          aria-pressed={sku.id === chosen}
          onClick={() => onChoose(sku.id)}
        >
          {sku.name}
        </button>
      ))}
    </div>
  );
}

function Total({ minor, currency }: { minor: number; currency: string }) {
  return (
    <div class="line total">
      <span>{t("buy.total")}</span>
      <strong class="numbers" data-testid="total">
        {money(minor, currency)}
      </strong>
    </div>
  );
}

function Pay({ room, order }: { room: Room; order: Order }) {
  const now = useNow(room.now);
  const [declined, setDeclined] = useState(false);
  const payment = usePayment(room, order);
  const { task } = payment;
  const leftMs = (order.hold_until_ms ?? now) - now;
  const pay = () => payment.pay(declined ? "declined" : "ok");
  const cancel = () => task.run(() => room.order("order.cancel", { order: order.id }));
  return (
    <>
      <div class={`hold${leftMs < 60_000 ? " soon" : ""}`} data-testid="order-status" data-status="held">
        <Icon name="clock" size={26} />
        <div>
          <strong>{t("order.held")}</strong>
          <div class="small">{t("order.held.hint")}</div>
        </div>
        <span class="hold-clock numbers" role="timer" data-testid="hold-countdown">
          {clockTime(leftMs)}
        </span>
      </div>
      <Summary order={order} />
      <BackNotice order={order} />
      <Methods payment={payment} />
      {payment.method?.method === "sandbox" && <SandboxCards declined={declined} onDeclined={setDeclined} />}
      {payment.method?.kind === "checkout" && <p class="small quiet center">{t("pay.elsewhere")}</p>}
      {task.refusal && (
        <Notice tone="bad" icon="warn" data-testid="pay-error">
          {errorText(task.refusal)}
        </Notice>
      )}
      <button
        class="button primary wide"
        disabled={task.busy || leftMs <= 0}
        onClick={() => void pay()}
        data-testid="pay-button"
      >
        {task.busy && <Spinner />}
        {t("pay.amount", { amount: money(order.total_minor, order.currency) })}
      </button>
      <button class="button outline wide" disabled={task.busy} onClick={() => void cancel()} data-testid="cancel-order">
        {t("order.cancel")}
      </button>
    </>
  );
}

export function Summary({ order }: { order: Order }) {
  return (
    <div class="summary">
      <span>
        {order.title} <span class="quiet">× {order.qty}</span>
      </span>
      <strong class="numbers">{money(order.total_minor, order.currency)}</strong>
    </div>
  );
}

function Settled({ order, status, onAgain, onClose }: {
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
      {!paid && (
        <button class="button primary wide" onClick={onAgain}>
          {t("buy.again")}
        </button>
      )}
      <button class={`button wide ${paid ? "primary" : "outline"}`} onClick={onClose} data-testid="buy-done">
        {t("buy.back")}
      </button>
    </>
  );
}
