/** The first half of buying: kind, quantity, coupons, address; then the hold is asked for. */
import { useState } from "preact/hooks";

import { money } from "../i18n/format";
import { t } from "../i18n";
import type { Room } from "../live/room";
import { mostOf, nextTurnMs, phaseOf, saleOf, unfit, unitPrice, withCoupon } from "../live/sales";
import type { Claim, Product, Sale, Sku } from "../live/wire";
import { IconButton, Notice, Spinner, Thumb } from "../ui/basics";
import { Countdown } from "../ui/countdown";
import { useCountdown } from "../ui/hooks";
import { Icon } from "../ui/icon";
import { CouponPicker } from "./coupon_picker";
import { addressOf, keepDelivery, noteOf, recallDelivery } from "./delivery";
import { DeliveryFields } from "./delivery_fields";
import { Lines } from "../ui/lines";
import { StockLeft } from "./products";
import { Refused, useHold } from "./hold";
import { OldPrice, saleLeft } from "./sale_card";

const QTY_MAX = 20;

interface ChooseProps {
  room: Room;
  product: Product;
  preferred?: string | undefined;
  onOrder: (id: string) => void;
}

export function Choose({ room, product, preferred, onOrder }: ChooseProps) {
  // The shelf's own entry, if it changed while the sheet is open.
  const current = room.state.value.products.find((each) => each.id === product.id);
  const skus = current?.skus ?? [];
  const [skuId, setSkuId] = useState(preferred ?? firstToSell(room, skus)?.id ?? "");
  const sku = skus.find((each) => each.id === skuId) ?? skus[0];
  if (!sku || !current) return <Notice icon="info">{t("buy.gone")}</Notice>;
  return (
    <>
      {skus.length > 1 && <SkuPicker room={room} skus={skus} chosen={sku.id} onChoose={setSkuId} />}
      <Order key={sku.id} room={room} product={current} sku={sku} onOrder={onOrder} />
    </>
  );
}

function firstToSell(room: Room, skus: readonly Sku[]): Sku | undefined {
  return skus.find(({ id }) => room.stock.value[id] !== 0) ?? skus[0];
}

function Order({ room, product, sku, onOrder }: { room: Room; product: Product; sku: Sku; onOrder: (id: string) => void }) {
  const [wanted, setQty] = useState(1);
  const [chosen, setChosen] = useState<readonly Claim[]>([]);
  const [delivery, setDelivery] = useState(recallDelivery);
  const { sales } = room.state.value;
  useCountdown(nextTurnMs(sales, room.now()), room.now);
  const hold = useHold(room);

  const now = room.now();
  const sale = saleOf(sales, sku.id, now);
  const running = sale !== null && phaseOf(sale, now) === "running";
  const left = running ? saleLeft(room, sale) : (room.stock.value[sku.id] ?? null);
  const most = mostOf(left, running ? sale : null, QTY_MAX);
  const qty = Math.min(wanted, most);
  const unit = unitPrice(sku, sale, now);
  const closed = running && !sale.stackable;
  const coupons = closed ? [] : chosen.filter((claim) => unfit(claim, product, unit * qty, sku.currency, now) === null);
  const address = addressOf(delivery);
  const buy = async () => {
    keepDelivery(delivery);
    const order = await hold.ask({
      sku: sku.id,
      qty,
      ...(running ? { sale: sale.id } : {}),
      ...(coupons.length > 0 ? { coupons: coupons.map(({ id }) => id) } : {}),
      ...(address ? { address } : {}),
      ...(noteOf(delivery) ? { note: noteOf(delivery) ?? "" } : {}),
    });
    if (order) onOrder(order.id);
  };
  return (
    <>
      <Head room={room} product={product} sku={sku} sale={sale} unit={unit} left={left} />
      <Quantity qty={qty} most={most} onChange={setQty} limit={running ? sale.per_buyer : null} />
      <CouponPicker
        room={room}
        product={product}
        goodsMinor={unit * qty}
        currency={sku.currency}
        closed={closed}
        chosen={coupons}
        onTap={(claim) => setChosen(withCoupon(coupons, claim))}
      />
      <DeliveryFields delivery={delivery} bad={address === null} onChange={(change) => setDelivery({ ...delivery, ...change })} />
      <Preview sku={sku} qty={qty} unit={unit} coupons={coupons} />
      <HoldButton room={room} sale={sale} left={left} hold={hold} blocked={address === null} onHold={() => void buy()} />
    </>
  );
}

function Head({ room, product, sku, sale, unit, left }: {
  room: Room;
  product: Product;
  sku: Sku;
  sale: Sale | null;
  unit: number;
  left: number | null;
}) {
  return (
    <div class="product big">
      <Thumb url={product.picture} size={96} />
      <div class="product-text">
        <h3 class="product-title">{product.title}</h3>
        <div class="product-facts">
          <span class="price numbers" data-testid="unit-price">
            {money(unit, sku.currency)}
          </span>
          {unit < sku.price_minor && <OldPrice sku={sku} />}
        </div>
        {sale && <SaleLine room={room} sale={sale} />}
        <StockLeft left={left} />
      </div>
    </div>
  );
}

function SaleLine({ room, sale }: { room: Room; sale: Sale }) {
  const before = phaseOf(sale, room.now()) === "before";
  return (
    <span class="sale-line small" data-testid="sheet-sale" data-phase={before ? "before" : "running"}>
      <Icon name="bolt" size={14} fill />
      {before ? t("sale.price_from_start", { price: money(sale.price_minor, sale.currency) }) : t("sale.label")}
      {" · "}
      {t(before ? "sale.starts_in" : "sale.ends_in")}
      <Countdown untilMs={before ? sale.starts_at_ms : sale.ends_at_ms} now={room.now} data-testid="sheet-countdown" />
    </span>
  );
}

function SkuPicker({ room, skus, chosen, onChoose }: {
  room: Room;
  skus: readonly Sku[];
  chosen: string;
  onChoose: (id: string) => void;
}) {
  return (
    <fieldset class="sku-row">
      <legend class="small quiet">{t("buy.kind")}</legend>
      {skus.map((sku) => {
        const gone = room.stock.value[sku.id] === 0;
        return (
          <label key={sku.id} class={`sku${gone ? " gone" : ""}`} data-testid="sku-choice" data-id={sku.id}>
            <input type="radio" class="unseen" name="sku" checked={sku.id === chosen} onChange={() => onChoose(sku.id)} />
            <span>{sku.name}</span>
            {gone && <span class="small"> · {t("stock.none")}</span>}
          </label>
        );
      })}
    </fieldset>
  );
}

function Quantity({ qty, most, limit, onChange }: {
  qty: number;
  most: number;
  limit: number | null;
  onChange: (qty: number) => void;
}) {
  return (
    <div class="line">
      <span id="qty-label">
        {t("buy.qty")}
        {limit !== null && <span class="small quiet"> · {t("sale.limit", { n: limit })}</span>}
      </span>
      <div class="stepper" role="group" aria-labelledby="qty-label">
        <IconButton icon="minus" label={t("buy.fewer")} disabled={qty <= 1} onClick={() => onChange(qty - 1)} />
        <output class="numbers" data-testid="qty" aria-live="polite">
          {qty}
        </output>
        <IconButton icon="plus" label={t("buy.more")} disabled={qty >= most} onClick={() => onChange(qty + 1)} data-testid="qty-more" />
      </div>
    </div>
  );
}

/** What is known before the server has priced it; what coupons take off is not. */
function Preview({ sku, qty, unit, coupons }: { sku: Sku; qty: number; unit: number; coupons: readonly Claim[] }) {
  const lines = [{ kind: "item" as const, label: `× ${qty}`, amount_minor: sku.price_minor * qty }];
  const off = (sku.price_minor - unit) * qty;
  const sale = off > 0 ? [{ kind: "sale" as const, label: "", amount_minor: -off }] : [];
  return (
    <>
      <Lines lines={[...lines, ...sale]} totalMinor={unit * qty} currency={sku.currency} />
      {coupons.length > 0 && <p class="small quiet">{t("coupon.taken_off_when_held")}</p>}
    </>
  );
}

/**
 * Before a sale begins the button waits, is marked so for a screen reader, and keeps the focus: from the
 * moment when the countdown ends it buys.
 */
function HoldButton({ room, sale, left, hold, blocked, onHold }: {
  room: Room;
  sale: Sale | null;
  left: number | null;
  hold: ReturnType<typeof useHold>;
  blocked: boolean;
  onHold: () => void;
}) {
  const [waits, setWaits] = useState(true);
  const queue = room.before.value;
  const before = sale !== null && phaseOf(sale, room.now()) === "before";
  const waiting = before && waits;
  // While a sale runs, its units may come back from who doesn't pay: asking is worth it.
  const gone = left === 0 && sale === null;
  const off = waiting || gone || blocked || hold.busy;
  return (
    <>
      <Refused room={room} hold={hold} />
      <button
        class="button primary wide"
        aria-disabled={off}
        onClick={() => {
          if (!off) onHold();
        }}
        data-testid="hold-button"
      >
        {hold.busy && queue === null && <Spinner />}
        {gone ? (
          t("buy.sold_out")
        ) : waiting ? (
          <>
            {t("sale.starts_in")} <Countdown untilMs={sale.starts_at_ms} now={room.now} />
          </>
        ) : hold.busy && queue !== null ? (
          <span role="status" data-testid="buy-waiting">
            {t("buy.before", { count: queue })}
          </span>
        ) : (
          t("buy.reserve")
        )}
      </button>
      {waiting && !gone && (
        <button class="button outline wide" onClick={() => setWaits(false)} data-testid="dont-wait">
          {t("sale.dont_wait")}
        </button>
      )}
      <p class="small quiet center">{t("buy.reserve.hint")}</p>
    </>
  );
}

