/** Adding a product, or changing one. */
import { useEffect, useState } from "preact/hooks";

import { errorText } from "../i18n/errors";
import { minorDigits } from "../i18n/format";
import { lang, t } from "../i18n";
import { uploadPicture } from "../live/api";
import type { Room } from "../live/room";
import type { Product } from "../live/wire";
import { Notice, Spinner } from "../ui/basics";
import { useTask } from "../ui/hooks";
import { Icon } from "../ui/icon";
import { Sheet } from "../ui/sheet";
import { toast } from "../ui/toasts";
import { parsePrice, showPrice } from "./price";

const CURRENCIES = ["CNY", "USD", "EUR", "GBP", "JPY", "HKD", "TWD", "SGD", "KRW", "INR"];
const CURRENCY = "danmart.currency";
const PICTURE_MAX_BYTES = 5_000_000;

interface ProductFormProps {
  room: Room;
  product: Product | null;
  onClose: () => void;
}

/** What stands in the fields, and what it means. */
interface Draft {
  title: string;
  price: string;
  currency: string;
  stock: string;
}

function draftOf(product: Product | null): Draft {
  const sku = product?.skus[0];
  if (!product || !sku) return { title: "", price: "", currency: usualCurrency(), stock: "10" };
  const price = showPrice(sku.price_minor, minorDigits(sku.currency));
  return { title: product.title, price, currency: sku.currency, stock: "0" };
}

function meaningOf({ title, price, currency, stock }: Draft) {
  const priceMinor = parsePrice(price, minorDigits(currency));
  const count = /^\d{1,7}$/.test(stock) ? Number(stock) : null;
  return title.trim() === "" || priceMinor === null || count === null
    ? null
    : { title: title.trim(), price_minor: priceMinor, currency, stock: count };
}

async function save(room: Room, product: Product | null, draft: Draft, picture: File | null): Promise<void> {
  const meaning = meaningOf(draft);
  if (!meaning) return;
  const { stock, currency, ...fields } = meaning;
  const shown = picture ? { picture: (await uploadPicture(room.id, picture, room.token)).url } : {};
  if (product) await room.send("product.change", { product: product.id, ...fields, ...shown });
  else await room.send("product.add", { ...fields, ...shown, currency, stock });
  localStorage.setItem(CURRENCY, currency);
}

export function ProductForm({ room, product, onClose }: ProductFormProps) {
  const [draft, setDraft] = useState(() => draftOf(product));
  const [picture, setPicture] = useState<File | null>(null);
  const task = useTask();
  const submit = async () => {
    if (!(await task.run(() => save(room, product, draft, picture)))) return;
    toast(t(product ? "product.changed" : "product.added"));
    onClose();
  };
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
        <Fields draft={draft} isNew={product === null} onChange={(change) => setDraft({ ...draft, ...change })} />
        {task.refusal && (
          <Notice tone="bad" icon="warn" data-testid="product-error">
            {errorText(task.refusal)}
          </Notice>
        )}
        <button
          class="button primary wide"
          disabled={meaningOf(draft) === null || task.busy}
          data-testid="product-save"
        >
          {task.busy && <Spinner />}
          {t(product ? "save" : "product.add.action")}
        </button>
      </form>
    </Sheet>
  );
}

function Fields({ draft, isNew, onChange }: {
  draft: Draft;
  isNew: boolean;
  onChange: (change: Partial<Draft>) => void;
}) {
  const digits = minorDigits(draft.currency);
  const badPrice = draft.price !== "" && parsePrice(draft.price, digits) === null;
  return (
    <>
      <label class="field">
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
      <div class="field-row">
        <label class="field">
          <span class="label">{t("product.price")}</span>
          <input
            class="input numbers"
            value={draft.price}
            required
            inputMode="decimal"
            placeholder={showPrice(0, digits)}
            aria-invalid={badPrice}
            onInput={(event) => onChange({ price: event.currentTarget.value })}
            data-testid="product-price"
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
        {isNew && (
          <label class="field">
            <span class="label">{t("product.stock")}</span>
            <input
              class="input numbers"
              value={draft.stock}
              required
              inputMode="numeric"
              onInput={(event) => onChange({ stock: event.currentTarget.value })}
              data-testid="product-stock"
            />
          </label>
        )}
      </div>
      {badPrice && <p class="composer-note bad">{t("product.price.bad")}</p>}
    </>
  );
}

function usualCurrency(): string {
  return localStorage.getItem(CURRENCY) ?? (lang.value === "zh" ? "CNY" : "USD");
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
