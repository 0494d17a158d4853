/** What is going on in selling: flash sales with their countdowns, and coupons. */
import { useState } from "preact/hooks";

import { money } from "../i18n/format";
import { t } from "../i18n";
import type { Room } from "../live/room";
import { inOrder, nextTurnMs, phaseOf } from "../live/sales";
import type { Sale } from "../live/wire";
import { Empty } from "../ui/basics";
import { Countdown } from "../ui/countdown";
import { useCountdown } from "../ui/hooks";
import { Icon } from "../ui/icon";
import { Confirm } from "../ui/sheet";
import { toastError } from "../ui/toasts";
import { Coupons } from "./coupons";
import { SaleForm } from "./sale_form";

export function Sales({ room }: { room: Room }) {
  const [adding, setAdding] = useState(false);
  const { sales, products } = room.state.value;
  useCountdown(nextTurnMs(sales, room.now()), room.now);
  const shown = inOrder(sales, room.now());
  return (
    <div class="sales">
      <button class="button outline" disabled={products.length === 0} onClick={() => setAdding(true)} data-testid="new-sale">
        <Icon name="bolt" size={18} />
        {t("sales.new")}
      </button>
      {shown.length === 0 && (
        <Empty icon="bolt" title={t("sales.none")}>
          <span class="small">{t("sales.none.hint")}</span>
        </Empty>
      )}
      <ul>
        {shown.map((sale) => (
          <Row key={sale.id} room={room} sale={sale} />
        ))}
      </ul>
      <Coupons room={room} />
      {adding && <SaleForm room={room} product={null} onClose={() => setAdding(false)} />}
    </div>
  );
}

function Row({ room, sale }: { room: Room; sale: Sale }) {
  const [asking, setAsking] = useState(false);
  const before = phaseOf(sale, room.now()) === "before";
  const product = room.state.value.products.find(({ id }) => id === sale.product);
  const sku = product?.skus.find(({ id }) => id === sale.sku);
  const title = [product?.title, sku?.name].filter(Boolean).join(" · ");
  const end = () => {
    setAsking(false);
    room.send("sale.end", { sale: sale.id }).catch(toastError);
  };
  return (
    <li class={`sale-row${before ? "" : " running"}`} data-testid="sale-row" data-id={sale.id} data-phase={before ? "before" : "running"}>
      <div class="shelf-text">
        <span class="product-name">{title}</span>
        <span class="small numbers">
          <strong>{money(sale.price_minor, sale.currency)}</strong>{" "}
          {sku && <s class="quiet">{money(sku.price_minor, sku.currency)}</s>}
          {" · "}
          {before ? t("sale.units", { n: sale.quantity }) : <Progress room={room} sale={sale} />}
        </span>
        <span class={`chip ${before ? "wait" : "good"}`}>
          {t(before ? "sale.starts_in" : "sale.ends_in")}
          <Countdown untilMs={before ? sale.starts_at_ms : sale.ends_at_ms} now={room.now} data-testid="sale-row-countdown" />
        </span>
      </div>
      <button class="button outline little" onClick={() => (before ? end() : setAsking(true))} data-testid="sale-end">
        {t(before ? "sales.cancel" : "sales.end")}
      </button>
      {asking && (
        <Confirm
          title={t("sales.end.title")}
          text={t("sales.end.text", { title })}
          action={t("sales.end")}
          onYes={end}
          onClose={() => setAsking(false)}
        />
      )}
    </li>
  );
}

/** What has gone and what is left, while it runs. */
function Progress({ room, sale }: { room: Room; sale: Sale }) {
  const left = Math.min(sale.quantity, room.stock.value[sale.sku] ?? sale.left);
  const sold = room.staff.orders.value
    .filter((order) => order.sale === sale.id && order.status === "paid")
    .reduce((sum, { qty }) => sum + qty, 0);
  return (
    <>
      <span data-testid="sale-row-left" data-value={left}>
        {t("sales.left", { n: left })}
      </span>
      {" · "}
      <span data-testid="sale-row-sold" data-value={sold}>
        {t("sales.sold", { n: sold })}
      </span>
    </>
  );
}
