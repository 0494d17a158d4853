/** The shelf as its host sees it: pin, restock, change, remove. */
import { useSignal } from "@preact/signals";
import { useState } from "preact/hooks";

import { errorText } from "../i18n/errors";
import { money } from "../i18n/format";
import { t } from "../i18n";
import type { Room } from "../live/room";
import type { Product } from "../live/wire";
import { Empty, IconButton, Notice, Thumb } from "../ui/basics";
import { useTask } from "../ui/hooks";
import { Icon } from "../ui/icon";
import { Confirm, Sheet } from "../ui/sheet";
import { toast, toastError } from "../ui/toasts";
import { ProductForm } from "./product_form";
import { SaleForm } from "./sale_form";

const PINS_MAX = 3;

type What = "edit" | "restock" | "remove" | "delete" | "sale";
type Open = null | { what: "add" } | { what: What; product: Product };

export function Shelf({ room }: { room: Room }) {
  const open = useSignal<Open>(null);
  const close = () => (open.value = null);
  const { products, pins } = room.state.value;
  const shown = open.value;
  return (
    <div class="shelf">
      <button class="button outline" onClick={() => (open.value = { what: "add" })} data-testid="add-product">
        <Icon name="plus" size={18} />
        {t("product.add")}
      </button>
      {products.length === 0 && (
        <Empty icon="bag" title={t("shelf.empty")}>
          <span class="small">{t("shelf.empty.host")}</span>
        </Empty>
      )}
      <ul>
        {products.map((product) => (
          <Row
            key={product.id}
            room={room}
            product={product}
            pinned={pins.includes(product.id)}
            onOpen={(what) => (open.value = { what, product })}
          />
        ))}
      </ul>
      {shown?.what === "add" && <ProductForm room={room} product={null} onClose={close} />}
      {shown?.what === "edit" && <ProductForm room={room} product={shown.product} onClose={close} />}
      {shown?.what === "restock" && <Restock room={room} product={shown.product} onClose={close} />}
      {shown?.what === "sale" && <SaleForm room={room} product={shown.product} onClose={close} />}
      {shown?.what === "remove" && (
        <Confirm
          title={t("product.remove.title")}
          text={t("product.remove.text", { title: shown.product.title })}
          action={t("product.remove")}
          onYes={() => {
            close();
            room.send("product.remove", { product: shown.product.id }).catch(toastError);
          }}
          other={{ action: t("product.delete"), onYes: () => (open.value = { what: "delete", product: shown.product }) }}
          onClose={close}
        />
      )}
      {shown?.what === "delete" && (
        <Confirm
          title={t("product.delete.title")}
          text={t("product.delete.text", { title: shown.product.title })}
          action={t("delete.yes")}
          onYes={() => {
            close();
            room.send("product.delete", { product: shown.product.id }).catch(toastError);
          }}
          onClose={close}
        />
      )}
    </div>
  );
}

function Row({ room, product, pinned, onOpen }: {
  room: Room;
  product: Product;
  pinned: boolean;
  onOpen: (what: What) => void;
}) {
  const task = useTask();
  const sku = product.skus[0];
  const left = stockOf(room, product);
  const explained = room.state.value.explaining === product.id;
  const full = !pinned && room.state.value.pins.length >= PINS_MAX;
  const act = (work: () => Promise<unknown>) => void task.run(() => work().catch(toastError));
  const pin = () => {
    if (full) toast(t("pin.most"), true);
    else act(() => room.send(pinned ? "unpin" : "pin", { product: product.id }));
  };
  const explain = () =>
    act(() => (explained ? room.send("explain.stop", {}) : room.send("explain.start", { product: product.id })));
  return (
    <li class={`shelf-row${pinned ? " pinned-row" : ""}`} data-testid="shelf-row" data-id={product.id}>
      <Thumb url={product.picture} size={54} />
      <button class="shelf-text" onClick={() => onOpen("edit")}>
        <span class="unseen">{t("product.edit")}: </span>
        <span class="product-name">{product.title}</span>
        <span class="small quiet numbers">
          {sku && priceOf(product)}
          {product.skus.length > 1 && ` · ${product.skus.map(({ name }) => name).join(" / ")}`}
          {left !== null && (
            <>
              {" · "}
              <span class={left === 0 ? "bad-text" : ""} data-testid="stock-left" data-value={left}>
                {left === 0 ? t("stock.none") : t("stock.left", { n: left })}
              </span>
            </>
          )}
        </span>
      </button>
      <div class="shelf-tools">
        <button
          class={`button little ${pinned ? "primary" : "outline"}`}
          aria-pressed={pinned}
          disabled={task.busy}
          onClick={pin}
          data-testid="pin-button"
        >
          <Icon name="pin" size={16} fill={pinned} />
          {t(pinned ? "pin.off" : "pin.on")}
        </button>
        <IconButton
          icon="talk"
          little
          class={explained ? "on" : ""}
          filled={explained}
          aria-pressed={explained}
          label={`${t(explained ? "explain.stop" : "explain.start")}: ${product.title}`}
          disabled={task.busy}
          onClick={explain}
          data-testid="explain-button"
        />
        <IconButton icon="bolt" little label={`${t("sales.new")}: ${product.title}`} onClick={() => onOpen("sale")} data-testid="sale-button" />
        <IconButton icon="plus" little label={t("restock.label", { title: product.title })} onClick={() => onOpen("restock")} data-testid="restock-button" />
        <IconButton icon="trash" little label={t("product.remove.label", { title: product.title })} onClick={() => onOpen("remove")} data-testid="remove-product" />
      </div>
    </li>
  );
}

function stockOf(room: Room, product: Product): number | null {
  const known = product.skus.flatMap(({ id }) => room.stock.value[id] ?? []);
  return known.length === 0 ? null : known.reduce((sum, left) => sum + left, 0);
}

function priceOf({ skus }: Product): string {
  const prices = skus.map((sku) => sku.price_minor);
  const [lowest, highest] = [Math.min(...prices), Math.max(...prices)];
  const text = money(lowest, skus[0]?.currency ?? "CNY");
  return highest > lowest ? t("price.from", { price: text }) : text;
}

function Restock({ room, product, onClose }: { room: Room; product: Product; onClose: () => void }) {
  const [text, setText] = useState("10");
  const [sku, setSku] = useState(product.skus[0]?.id ?? "");
  const task = useTask();
  const delta = /^[+-]?\d{1,7}$/.test(text.trim()) ? Number(text) : null;
  const save = async () => {
    if (delta === null) return;
    const change = product.skus.length > 1 ? { skus: [{ sku, stock_delta: delta }] } : { stock_delta: delta };
    if (await task.run(() => room.send("product.change", { product: product.id, ...change }))) onClose();
  };
  return (
    <Sheet title={t("restock.title")} onClose={onClose}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        {product.skus.length > 1 && (
          <label class="field">
            <span class="label">{t("buy.kind")}</span>
            <select class="input" value={sku} onChange={(event) => setSku(event.currentTarget.value)}>
              {product.skus.map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </select>
          </label>
        )}
        <label class="field">
          <span class="label">{product.title}</span>
          <input
            class="input numbers"
            value={text}
            inputMode="numeric"
            aria-invalid={delta === null}
            onInput={(event) => setText(event.currentTarget.value)}
            data-testid="restock-input"
          />
          <span class="hint">{t("restock.hint")}</span>
        </label>
        {task.refusal && <Notice tone="bad" icon="warn">{errorText(task.refusal)}</Notice>}
        <button class="button primary wide" disabled={delta === null || delta === 0 || task.busy} data-testid="restock-save">
          {t("save")}
        </button>
      </form>
    </Sheet>
  );
}
