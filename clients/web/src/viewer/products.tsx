/** What is for sale: the pinned cards and the shelf. */
import { useLayoutEffect, useRef } from "preact/hooks";

import { money } from "../i18n/format";
import { t } from "../i18n";
import type { Room } from "../live/room";
import { nextTurnMs, saleOf, unitPrice } from "../live/sales";
import type { Product } from "../live/wire";
import { Empty, Thumb } from "../ui/basics";
import { useCountdown } from "../ui/hooks";
import { Icon } from "../ui/icon";
import { Sheet } from "../ui/sheet";
import { OldPrice, useOnSale } from "./sale_card";

const FEW = 10;

/** How many are left of all of a product's kinds; null while unknown. */
export function stockLeft(room: Room, product: Product): number | null {
  const known = product.skus.flatMap((sku) => room.stock.value[sku.id] ?? []);
  return known.length === 0 ? null : known.reduce((sum, left) => sum + left, 0);
}

export function Price({ room, product }: { room: Room; product: Product }) {
  const { sales } = room.state.value;
  useCountdown(nextTurnMs(sales, room.now()), room.now);
  const now = room.now();
  const prices = product.skus.map((sku) => unitPrice(sku, saleOf(sales, sku.id, now), now));
  const currency = product.skus[0]?.currency;
  if (currency === undefined) return null;
  const lowest = Math.min(...prices);
  const text = money(lowest, currency);
  const cheaper = product.skus.find((sku, index) => prices[index] === lowest && sku.price_minor > lowest);
  return (
    <>
      <span class="price numbers" data-testid="price">
        {Math.max(...prices) > lowest ? t("price.from", { price: text }) : text}
      </span>
      {cheaper && <OldPrice sku={cheaper} />}
    </>
  );
}

export function StockLeft({ left }: { left: number | null }) {
  if (left === null) return null;
  return (
    <span class={`stock numbers${left <= FEW ? " few" : ""}`} data-testid="stock-left" data-value={left}>
      {left === 0 ? t("stock.none") : left <= FEW ? t("stock.few", { n: left }) : t("stock.left", { n: left })}
    </span>
  );
}

interface CardProps {
  room: Room;
  product: Product;
  size: number;
  testId: string;
  onBuy: (product: Product) => void;
}

function ProductCard({ room, product, size, testId, onBuy }: CardProps) {
  const left = stockLeft(room, product);
  const explained = room.state.value.explaining === product.id;
  return (
    <article class={`product${explained ? " explained" : ""}`} data-testid={testId} data-id={product.id}>
      <Thumb url={product.picture} size={size} />
      <div class="product-text">
        <h3 class="product-title">{product.title}</h3>
        {explained && (
          <span class="explaining small" data-testid="explaining">
            <Icon name="talk" size={13} /> {t("explain.now")}
          </span>
        )}
        <div class="product-facts">
          <Price room={room} product={product} />
          <StockLeft left={left} />
        </div>
      </div>
      <button
        class="button primary little"
        disabled={left === 0}
        onClick={() => onBuy(product)}
        data-testid="buy-button"
      >
        {left === 0 ? t("buy.sold_out") : t("buy")}
        <span class="unseen">: {product.title}</span>
      </button>
    </article>
  );
}

export function Pinned({ room, hidden, onBuy }: {
  room: Room;
  /** `sale`: not the one that the sale's card shows, where there is little room. */
  hidden: "sale" | null;
  onBuy: (product: Product) => void;
}) {
  const onSale = useOnSale(room);
  const pinned = room.pinned.value.filter(({ id }) => hidden !== "sale" || id !== onSale?.product.id);
  const row = useRef<HTMLDivElement>(null);
  const latest = pinned[0]?.id;
  const { explaining } = room.state.value;
  // On a phone one is seen at a time: the one that was just pinned, or that the host talks about. By itself a
  // browser keeps the one in view that was there before.
  useLayoutEffect(() => show(row.current, latest), [latest]);
  useLayoutEffect(() => show(row.current, explaining), [explaining]);
  if (pinned.length === 0) return null;
  return (
    <div class="pinned" ref={row} role="region" aria-label={t("pinned.label")} aria-live="polite">
      {pinned.map((product) => (
        <ProductCard key={product.id} room={room} product={product} size={64} testId="pinned-product" onBuy={onBuy} />
      ))}
    </div>
  );
}

/** Scrolls a row, and nothing around it, to one of its cards. */
function show(row: HTMLElement | null, id: string | null | undefined): void {
  const card = Array.from(row?.children ?? []).find((each) => each instanceof HTMLElement && each.dataset.id === id);
  if (row && card) row.scrollLeft += card.getBoundingClientRect().left - row.getBoundingClientRect().left;
}

export function ShelfSheet({ room, onBuy, onOrders, onClose }: {
  room: Room;
  onBuy: (product: Product) => void;
  onOrders: () => void;
  onClose: () => void;
}) {
  const { products } = room.state.value;
  return (
    <Sheet title={t("shelf.title")} onClose={onClose} data-testid="shelf">
      {room.you.user.value && (
        <button class="button outline" onClick={onOrders} data-testid="my-orders-button">
          {t("orders.mine")}
          {room.you.orders.value.length > 0 && <span class="count">{room.you.orders.value.length}</span>}
        </button>
      )}
      {products.length === 0 && <Empty icon="bag" title={t("shelf.empty")} />}
      {products.map((product) => (
        <ProductCard key={product.id} room={room} product={product} size={72} testId="shelf-product" onBuy={onBuy} />
      ))}
    </Sheet>
  );
}
