/** Starting a flash sale: what, how cheap, how many, when. */
import { useState } from "preact/hooks";

import { errorText } from "../i18n/errors";
import { minorDigits, money, span } from "../i18n/format";
import { t } from "../i18n";
import type { Room } from "../live/room";
import type { Product, Sku } from "../live/wire";
import { Notice, Spinner } from "../ui/basics";
import { useTask } from "../ui/hooks";
import { Sheet } from "../ui/sheet";
import { toast } from "../ui/toasts";
import { parsePrice, showPrice } from "./price";
import { COUNTDOWNS_S, DURATIONS_S, localInput, saleOfDraft, type SaleDraft } from "./sale_draft";

interface Choice {
  sku: Sku;
  title: string;
}

function choices(products: readonly Product[]): Choice[] {
  return products.flatMap(({ title, skus }) =>
    skus.map((sku) => ({ sku, title: sku.name ? `${title} · ${sku.name}` : title })),
  );
}

function draftFor(sku: Sku, left: number | undefined, nowMs: number): SaleDraft {
  const digits = minorDigits(sku.currency);
  return {
    sku: sku.id,
    price: showPrice(Math.floor(sku.price_minor * 0.7), digits),
    quantity: String(Math.max(1, Math.min(10, left ?? 10))),
    perBuyer: "1",
    begin: "countdown",
    countdownS: 30,
    at: localInput(nowMs + 600_000),
    durationS: 300,
    stackable: false,
  };
}

export function SaleForm({ room, product, onClose }: { room: Room; product: Product | null; onClose: () => void }) {
  const all = choices(room.state.value.products);
  const first = product?.skus[0] ?? all[0]?.sku;
  if (!first) return null;
  return <Form room={room} all={all} first={first} onClose={onClose} />;
}

function Form({ room, all, first, onClose }: { room: Room; all: readonly Choice[]; first: Sku; onClose: () => void }) {
  const [draft, setDraft] = useState(() => draftFor(first, room.stock.value[first.id], room.now()));
  const task = useTask();
  const sku = all.find((each) => each.sku.id === draft.sku)?.sku ?? first;
  const sale = saleOfDraft(draft, sku, minorDigits(sku.currency), room.now());
  const change = (some: Partial<SaleDraft>) => setDraft({ ...draft, ...some });
  const submit = async () => {
    if (!sale || !(await task.run(() => room.send("sale.start", sale)))) return;
    toast(t(draft.begin === "now" ? "sales.done" : "sales.done.announced"));
    onClose();
  };
  return (
    <Sheet title={t("sales.new")} onClose={onClose} data-testid="sale-form">
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <label class="field">
          <span class="label">{t("sales.product")}</span>
          <select
            class="input"
            value={sku.id}
            onChange={({ currentTarget: { value } }) => {
              const chosen = all.find((each) => each.sku.id === value)?.sku;
              if (chosen) setDraft({ ...draftFor(chosen, room.stock.value[value], room.now()), begin: draft.begin });
            }}
            data-testid="sale-sku"
          >
            {all.map(({ sku: { id }, title }) => (
              <option key={id} value={id}>
                {title}
              </option>
            ))}
          </select>
        </label>
        <Amounts draft={draft} sku={sku} onChange={change} />
        <Begin draft={draft} nowMs={room.now()} onChange={change} />
        <label class="field">
          <span class="label">{t("sales.duration")}</span>
          <select class="input" value={draft.durationS} onChange={(event) => change({ durationS: Number(event.currentTarget.value) })} data-testid="sale-duration">
            {DURATIONS_S.map((seconds) => (
              <option key={seconds} value={seconds}>
                {span(seconds * 1000)}
              </option>
            ))}
          </select>
        </label>
        <label class="check">
          <input type="checkbox" checked={draft.stackable} onChange={(event) => change({ stackable: event.currentTarget.checked })} />
          {t("sales.stackable")}
        </label>
        {task.refusal && (
          <Notice tone="bad" icon="warn" data-testid="sale-error">
            {errorText(task.refusal)}
          </Notice>
        )}
        <button class="button primary wide" disabled={sale === null || task.busy} data-testid="sale-start">
          {task.busy && <Spinner />}
          {t(draft.begin === "now" ? "sales.action" : "sales.action.announce")}
        </button>
      </form>
    </Sheet>
  );
}

interface PartProps {
  draft: SaleDraft;
  onChange: (change: Partial<SaleDraft>) => void;
}

function Amounts({ draft, sku, onChange }: PartProps & { sku: Sku }) {
  const price = parsePrice(draft.price, minorDigits(sku.currency));
  const high = price !== null && price >= sku.price_minor;
  const usual = money(sku.price_minor, sku.currency);
  return (
    <div class="field-row">
      <label class="field">
        <span class="label">
          {t("sales.price")} ({sku.currency})
        </span>
        <input class="input numbers" inputMode="decimal" value={draft.price} aria-invalid={price === null || high} onInput={(event) => onChange({ price: event.currentTarget.value })} data-testid="sale-price" />
        <span class={`hint${high ? " bad-text" : ""}`}>{t(high ? "sales.price.high" : "sales.price.usual", { price: usual })}</span>
      </label>
      <label class="field">
        <span class="label">{t("sales.quantity")}</span>
        <input class="input numbers" inputMode="numeric" value={draft.quantity} onInput={(event) => onChange({ quantity: event.currentTarget.value })} data-testid="sale-quantity" />
      </label>
      <label class="field">
        <span class="label">{t("sales.per_buyer")}</span>
        <input class="input numbers" inputMode="numeric" value={draft.perBuyer} onInput={(event) => onChange({ perBuyer: event.currentTarget.value })} data-testid="sale-per-buyer" />
      </label>
    </div>
  );
}

function Begin({ draft, nowMs, onChange }: PartProps & { nowMs: number }) {
  return (
    <fieldset class="begin">
      <legend class="label">{t("sales.begin")}</legend>
      <div class="choice-row">
        {(["now", "countdown", "at"] as const).map((begin) => (
          <label key={begin} class={`choice${draft.begin === begin ? " on" : ""}`}>
            <input type="radio" class="unseen" name="begin" checked={draft.begin === begin} onChange={() => onChange({ begin })} data-testid={`sale-begin-${begin}`} />
            {t(`sales.begin.${begin}`)}
          </label>
        ))}
      </div>
      {draft.begin === "countdown" && (
        <label class="field">
          <span class="unseen">{t("sales.begin.seconds")}</span>
          <select class="input" value={draft.countdownS} onChange={(event) => onChange({ countdownS: Number(event.currentTarget.value) })} data-testid="sale-countdown-s">
            {COUNTDOWNS_S.map((seconds) => (
              <option key={seconds} value={seconds}>
                {span(seconds * 1000)}
              </option>
            ))}
          </select>
        </label>
      )}
      {draft.begin === "at" && (
        <label class="field">
          <span class="unseen">{t("sales.begin.time")}</span>
          <input class="input numbers" type="datetime-local" min={localInput(nowMs)} value={draft.at} onInput={(event) => onChange({ at: event.currentTarget.value })} data-testid="sale-at" />
        </label>
      )}
    </fieldset>
  );
}
