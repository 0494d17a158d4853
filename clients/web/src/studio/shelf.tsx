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
import { toastError } from "../ui/toasts";
import { ProductForm } from "./product_form";

type Open = null | { what: "add" } | { what: "edit" | "restock" | "remove"; product: Product };

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
      {shown?.what === "remove" && (
        <Confirm
          title={t("product.remove.title")}
          text={t("product.remove.text", { title: shown.product.title })}
          action={t("product.remove")}
          onYes={() => {
            close();
            room.send("product.remove", { product: shown.product.id }).catch(toastError);
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
  onOpen: (what: "edit" | "restock" | "remove") => void;
}) {
  const task = useTask();
  const sku = product.skus[0];
  const left = sku ? room.stock.value[sku.id] : undefined;
  const pin = async () => {
    const done = await task.run(() => room.send(pinned ? "unpin" : "pin", { product: product.id }));
    if (!done && task.refusal) toastError(task.refusal);
  };
  return (
    <li class={`shelf-row${pinned ? " pinned-row" : ""}`} data-testid="shelf-row" data-id={product.id}>
      <Thumb url={product.picture} size={54} />
      <button class="shelf-text" onClick={() => onOpen("edit")} aria-label={t("product.edit.label", { title: product.title })}>
        <span class="product-name">{product.title}</span>
        <span class="small quiet numbers">
          {sku && money(sku.price_minor, sku.currency)}
          {left !== undefined && (
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
          onClick={() => void pin()}
          data-testid="pin-button"
        >
          <Icon name="pin" size={16} fill={pinned} />
          {t(pinned ? "pin.off" : "pin.on")}
        </button>
        <IconButton icon="plus" little label={t("restock.label", { title: product.title })} onClick={() => onOpen("restock")} data-testid="restock-button" />
        <IconButton icon="trash" little label={t("product.remove.label", { title: product.title })} onClick={() => onOpen("remove")} data-testid="remove-product" />
      </div>
    </li>
  );
}

function Restock({ room, product, onClose }: { room: Room; product: Product; onClose: () => void }) {
  const [text, setText] = useState("10");
  const task = useTask();
  const delta = /^[+-]?\d{1,7}$/.test(text.trim()) ? Number(text) : null;
  const save = async () => {
    if (delta === null) return;
    if (await task.run(() => room.send("product.change", { product: product.id, stock_delta: delta }))) onClose();
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
