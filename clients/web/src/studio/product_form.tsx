/** Adding a product, or changing one. */
import { useEffect, useState } from "preact/hooks";

import { errorText } from "../i18n/errors";
import { minorDigits } from "../i18n/format";
import { t } from "../i18n";
import { uploadPicture } from "../live/api";
import type { Room } from "../live/room";
import type { Product } from "../live/wire";
import { IconButton, Notice, Spinner } from "../ui/basics";
import { useTask } from "../ui/hooks";
import { Icon } from "../ui/icon";
import { Confirm, Sheet } from "../ui/sheet";
import { toast } from "../ui/toasts";
import { CURRENCIES, keepCurrency, usualCurrency } from "./currency";
import { parsePrice, showPrice } from "./price";
import {
  additionOf,
  changeOf,
  draftOf,
  meaningOf,
  newSku,
  SKUS_MAX,
  type ProductDraft,
  type SkuDraft,
} from "./product_draft";

const PICTURE_MAX_BYTES = 5_000_000;

interface ProductFormProps {
  room: Room;
  product: Product | null;
  onClose: () => void;
}

async function save(room: Room, product: Product | null, draft: ProductDraft, picture: File | null): Promise<void> {
  const meaning = meaningOf(draft, minorDigits(draft.currency));
  if (!meaning) return;
  const shown = picture ? { picture: (await uploadPicture(room.id, picture, room.token)).url } : {};
  if (product) await room.send("product.change", { product: product.id, ...changeOf(meaning, product), ...shown });
  else await room.send("product.add", { ...additionOf(meaning, draft.currency), ...shown });
  keepCurrency(draft.currency);
}

export function ProductForm({ room, product, onClose }: ProductFormProps) {
  const [draft, setDraft] = useState(() => draftOf(product, usualCurrency(), minorDigits));
  const [picture, setPicture] = useState<File | null>(null);
  const [doomed, setDoomed] = useState<SkuDraft | null>(null);
  const task = useTask();
  const remove = async (sku: SkuDraft) => {
    setDoomed(null);
    const { id } = sku;
    if (!product || id === null) return;
    if (!(await task.run(() => room.send("sku.delete", { product: product.id, sku: id })))) return;
    setDraft((now) => ({ ...now, skus: now.skus.filter((each) => each.id !== id) }));
  };
  const submit = async () => {
    if (!(await task.run(() => save(room, product, draft, picture)))) return;
    toast(t(product ? "product.changed" : "product.added"));
    onClose();
  };
  if (doomed) {
    return (
      <Confirm
        title={t("variants.delete.title")}
        text={t("variants.delete.text", { name: doomed.name, title: draft.title })}
        action={t("delete.yes")}
        onYes={() => void remove(doomed)}
        onClose={() => setDoomed(null)}
      />
    );
  }
  return (
    <Sheet title={t(product ? "product.edit" : "product.add")} onClose={onClose} data-testid="product-form">
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <PictureField current={product?.picture ?? null} onPick={setPicture} />
        <Fields draft={draft} isNew={product === null} onChange={(change) => setDraft({ ...draft, ...change })} onDelete={setDoomed} />
        {task.refusal && (
          <Notice tone="bad" icon="warn" data-testid="product-error">
            {errorText(task.refusal)}
          </Notice>
        )}
        <button
          class="button primary wide"
          disabled={meaningOf(draft, minorDigits(draft.currency)) === null || task.busy}
          data-testid="product-save"
        >
          {task.busy && <Spinner />}
          {t(product ? "save" : "product.add.action")}
        </button>
      </form>
    </Sheet>
  );
}

function Fields({ draft, isNew, onChange, onDelete }: {
  draft: ProductDraft;
  isNew: boolean;
  onChange: (change: Partial<ProductDraft>) => void;
  /** A kind that exists already: it is to be asked first. */
  onDelete: (sku: SkuDraft) => void;
}) {
  const existing = draft.skus.filter(({ id }) => id !== null).length;
  const change = (index: number, some: Partial<SkuDraft>) =>
    onChange({ skus: draft.skus.map((sku, at) => (at === index ? { ...sku, ...some } : sku)) });
  const removalOf = (sku: SkuDraft, index: number) => {
    if (sku.id !== null) return existing > 1 ? () => onDelete(sku) : null;
    return draft.skus.length > 1 ? () => onChange({ skus: draft.skus.filter((_, at) => at !== index) }) : null;
  };
  const bad = draft.skus.some(({ price }) => price !== "" && parsePrice(price, minorDigits(draft.currency)) === null);
  return (
    <>
      <div class="field-row">
        <label class="field grow">
          <span class="label">{t("product.title")}</span>
          <input
            class="input"
            value={draft.title}
            required
            maxLength={120}
            onInput={(event) => onChange({ title: event.currentTarget.value })}
            data-testid="product-title"
          />
        </label>
        <label class="field">
          <span class="label">{t("product.currency")}</span>
          <select
            class="input"
            value={draft.currency}
            disabled={!isNew}
            onChange={(event) => onChange({ currency: event.currentTarget.value })}
            data-testid="product-currency"
          >
            {[...new Set([draft.currency, ...CURRENCIES])].map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </label>
      </div>
      {draft.skus.map((sku, index) => (
        <Variant
          key={index}
          sku={sku}
          digits={minorDigits(draft.currency)}
          named={draft.skus.length > 1}
          onChange={(some) => change(index, some)}
          onRemove={removalOf(sku, index)}
        />
      ))}
      {bad && <p class="composer-note bad">{t("product.price.bad")}</p>}
      <button
        type="button"
        class="button outline"
        disabled={draft.skus.length >= SKUS_MAX}
        onClick={() => onChange({ skus: [...draft.skus, newSku(draft.skus[0]?.price)] })}
        data-testid="variant-add"
      >
        <Icon name="plus" size={18} />
        {t("variants.add")}
      </button>
    </>
  );
}

/** One kind of the product. The only one needs no name. */
function Variant({ sku, digits, named, onChange, onRemove }: {
  sku: SkuDraft;
  digits: number;
  named: boolean;
  onChange: (change: Partial<SkuDraft>) => void;
  onRemove: (() => void) | null;
}) {
  return (
    <div class="field-row variant" data-testid="variant">
      {named && (
        <label class="field">
          <span class="label">{t("variants.name")}</span>
          <input class="input" required maxLength={60} value={sku.name} placeholder={t("variants.name.hint")} onInput={(event) => onChange({ name: event.currentTarget.value })} data-testid="variant-name" />
        </label>
      )}
      <label class="field">
        <span class="label">{t("product.price")}</span>
        <input
          class="input numbers"
          value={sku.price}
          required
          inputMode="decimal"
          placeholder={showPrice(0, digits)}
          aria-invalid={sku.price !== "" && parsePrice(sku.price, digits) === null}
          onInput={(event) => onChange({ price: event.currentTarget.value })}
          data-testid="product-price"
        />
      </label>
      {sku.id === null && (
        <label class="field">
          <span class="label">{t("product.stock")}</span>
          <input class="input numbers" value={sku.stock} required inputMode="numeric" onInput={(event) => onChange({ stock: event.currentTarget.value })} data-testid="product-stock" />
        </label>
      )}
      {onRemove && <IconButton icon="trash" label={t("variants.remove")} onClick={onRemove} data-testid="variant-remove" />}
    </div>
  );
}

function PictureField({ current, onPick }: { current: string | null; onPick: (file: File | null) => void }) {
  const [shown, setShown] = useState<string | null>(null);
  const [tooLarge, setTooLarge] = useState(false);
  useEffect(() => () => {
    if (shown !== null) URL.revokeObjectURL(shown);
  }, [shown]);
  const pick = (file: File | undefined) => {
    const large = file !== undefined && file.size > PICTURE_MAX_BYTES;
    setTooLarge(large);
    if (large || !file) return;
    setShown(URL.createObjectURL(file));
    onPick(file);
  };
  const url = shown ?? current;
  return (
    <label class="picture-field">
      {url === null ? (
        <span class="thumb">
          <Icon name="picture" size={26} />
        </span>
      ) : (
        <img class="thumb" src={url} alt="" />
      )}
      <span>
        <strong>{t(url === null ? "product.picture" : "product.picture.other")}</strong>
        <span class={`small ${tooLarge ? "bad-text" : "quiet"}`}>
          {t(tooLarge ? "product.picture.large" : "product.picture.hint")}
        </span>
      </span>
      <input
        class="unseen"
        type="file"
        accept="image/jpeg,image/png,image/webp"
        onChange={(event) => pick(event.currentTarget.files?.[0])}
        data-testid="product-picture"
      />
    </label>
  );
}
