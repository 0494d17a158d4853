/** The flash sale over the picture: announced with its countdown, then running with another. */
import { money } from "../i18n/format";
import { t } from "../i18n";
import type { Room } from "../live/room";
import { inOrder, nextTurnMs, phaseOf } from "../live/sales";
import type { Product, Sale, Sku } from "../live/wire";
import { Thumb } from "../ui/basics";
import { Countdown } from "../ui/countdown";
import { useCountdown } from "../ui/hooks";
import { Icon } from "../ui/icon";

export interface OnSale {
  sale: Sale;
  product: Product;
  sku: Sku;
}

/** What is on sale now, or will be next; renders anew when that changes by the clock. */
export function useOnSale(room: Room): OnSale | null {
  const { sales, products } = room.state.value;
  useCountdown(nextTurnMs(sales, room.now()), room.now);
  for (const sale of inOrder(sales, room.now())) {
    const product = products.find(({ id }) => id === sale.product);
    const sku = product?.skus.find(({ id }) => id === sale.sku);
    if (product && sku) return { sale, product, sku };
  }
  return null;
}

/** How many are left at the sale's price: what can be bought of a SKU, while its sale runs, is of the sale. */
export function saleLeft(room: Room, sale: Sale): number {
  return Math.min(sale.quantity, room.stock.value[sale.sku] ?? sale.left);
}

export function OldPrice({ sku }: { sku: Sku }) {
  return (
    <s class="old-price numbers" data-testid="old-price">
      <span class="unseen">{t("sale.instead_of")} </span>
      {money(sku.price_minor, sku.currency)}
    </s>
  );
}

export function SaleCard({ room, on, action, onBuy }: {
  room: Room;
  on: OnSale;
  /** What is on the button, where that isn't buying at this price. */
  action?: string;
  onBuy: (on: OnSale) => void;
}) {
  const { sale, product, sku } = on;
  const phase = phaseOf(sale, room.now()) === "before" ? "before" : "running";
  const left = saleLeft(room, sale);
  const title = sku.name ? `${product.title} · ${sku.name}` : product.title;
  return (
    <section class={`sale-card ${phase}`} aria-label={t("sale.label")} data-testid="sale-card" data-phase={phase} data-id={sale.id}>
      <header class="sale-head">
        <Icon name="bolt" size={16} fill />
        <strong>{t("sale.label")}</strong>
        <span class="sale-clock">
          {t(phase === "before" ? "sale.starts_in" : "sale.ends_in")}{" "}
          <Countdown
            untilMs={phase === "before" ? sale.starts_at_ms : sale.ends_at_ms}
            now={room.now}
            data-testid="sale-countdown"
          />
        </span>
      </header>
      <div class="sale-body">
        <Thumb url={product.picture} size={64} />
        <div class="product-text">
          <h3 class="product-title">{title}</h3>
          <div class="product-facts">
            <span class="price numbers" data-testid="sale-price">
              {money(sale.price_minor, sale.currency)}
            </span>
            {sku.price_minor > sale.price_minor && <OldPrice sku={sku} />}
          </div>
          <SaleLeft left={left} quantity={sale.quantity} running={phase === "running"} />
        </div>
        <button class="button primary little" onClick={() => onBuy(on)} data-testid="sale-buy">
          {action ?? t(phase === "before" ? "sale.get_ready" : "sale.buy")}
        </button>
      </div>
      <span class="unseen" role="status">
        {t(phase === "before" ? "sale.announced" : "sale.started", { title })}
      </span>
    </section>
  );
}

function SaleLeft({ left, quantity, running }: { left: number; quantity: number; running: boolean }) {
  const text = !running
    ? t("sale.units", { n: quantity })
    : left === 0
      ? t("sale.all_taken")
      : t("sale.left_of", { n: left, of: quantity });
  return (
    <div class="sale-left small numbers" data-testid="sale-left" data-value={left}>
      <progress value={left} max={quantity} aria-hidden="true" />
      {text}
    </div>
  );
}
