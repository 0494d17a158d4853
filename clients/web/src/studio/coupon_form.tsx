/** Making a coupon; it is dropped into the room later. */
import { useState } from "preact/hooks";

import { errorText } from "../i18n/errors";
import { minorDigits, span } from "../i18n/format";
import { t } from "../i18n";
import type { Room } from "../live/room";
import type { Coupon, CouponKind } from "../live/wire";
import { Notice, Spinner } from "../ui/basics";
import { useTask } from "../ui/hooks";
import { Sheet } from "../ui/sheet";
import { toast } from "../ui/toasts";
import { couponOfDraft, KINDS, VALID_S, type CouponDraft } from "./coupon_draft";
import { usualCurrency } from "./currency";

const EMPTY: CouponDraft = {
  title: "",
  kind: "threshold",
  value: "",
  minimum: "",
  product: "",
  quota: "100",
  perPerson: "1",
  validS: 86_400,
  stackable: false,
};

interface FormProps {
  room: Room;
  onMade: (coupon: Coupon) => void;
  onClose: () => void;
}

export function CouponForm({ room, onMade, onClose }: FormProps) {
  const [draft, setDraft] = useState(EMPTY);
  const task = useTask();
  const currency = room.state.value.products[0]?.skus[0]?.currency ?? usualCurrency();
  const coupon = couponOfDraft(draft, currency, minorDigits(currency));
  const change = (some: Partial<CouponDraft>) => setDraft({ ...draft, ...some });
  const submit = async () => {
    if (!coupon || !(await task.run(async () => onMade((await room.send("coupon.create", coupon)).coupon)))) return;
    toast(t("coupons.made"));
    onClose();
  };
  return (
    <Sheet title={t("coupons.new")} onClose={onClose} data-testid="coupon-form">
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <label class="field">
          <span class="label">{t("coupons.name")}</span>
          <input class="input" required maxLength={60} value={draft.title} onInput={(event) => change({ title: event.currentTarget.value })} data-testid="coupon-title" />
        </label>
        <Terms draft={draft} currency={currency} onChange={change} />
        <label class="field">
          <span class="label">{t("coupons.product")}</span>
          <select class="input" value={draft.product} onChange={(event) => change({ product: event.currentTarget.value })} data-testid="coupon-product">
            <option value="" disabled={draft.kind === "voucher"}>
              {t("coupons.product.any")}
            </option>
            {room.state.value.products.map(({ id, title }) => (
              <option key={id} value={id}>
                {title}
              </option>
            ))}
          </select>
        </label>
        <Counts draft={draft} onChange={change} />
        <label class="check">
          <input type="checkbox" checked={draft.stackable} onChange={(event) => change({ stackable: event.currentTarget.checked })} />
          {t("coupons.stackable")}
        </label>
        {task.refusal && (
          <Notice tone="bad" icon="warn" data-testid="coupon-error">
            {errorText(task.refusal)}
          </Notice>
        )}
        <button class="button primary wide" disabled={coupon === null || task.busy} data-testid="coupon-save">
          {task.busy && <Spinner />}
          {t("coupons.action")}
        </button>
      </form>
    </Sheet>
  );
}

interface PartProps {
  draft: CouponDraft;
  onChange: (change: Partial<CouponDraft>) => void;
}

function Terms({ draft, currency, onChange }: PartProps & { currency: string }) {
  const percent = draft.kind === "percent";
  return (
    <>
      <label class="field">
        <span class="label">{t("coupons.kind")}</span>
        <select class="input" value={draft.kind} onChange={(event) => onChange({ kind: event.currentTarget.value as CouponKind })} data-testid="coupon-kind">
          {KINDS.map((kind) => (
            <option key={kind} value={kind}>
              {t(`coupons.kind.${kind}`)}
            </option>
          ))}
        </select>
      </label>
      <div class="field-row">
        <label class="field">
          <span class="label">{percent ? t("coupons.value.percent") : `${t("coupons.value")} (${currency})`}</span>
          <input class="input numbers" required inputMode={percent ? "numeric" : "decimal"} value={draft.value} onInput={(event) => onChange({ value: event.currentTarget.value })} data-testid="coupon-value" />
        </label>
        <label class="field">
          <span class="label">{`${t("coupons.minimum")} (${currency})`}</span>
          <input class="input numbers" required={draft.kind === "threshold"} inputMode="decimal" value={draft.minimum} onInput={(event) => onChange({ minimum: event.currentTarget.value })} data-testid="coupon-minimum" />
        </label>
      </div>
    </>
  );
}

function Counts({ draft, onChange }: PartProps) {
  return (
    <div class="field-row">
      <label class="field">
        <span class="label">{t("coupons.quota")}</span>
        <input class="input numbers" inputMode="numeric" value={draft.quota} onInput={(event) => onChange({ quota: event.currentTarget.value })} data-testid="coupon-quota" />
      </label>
      <label class="field">
        <span class="label">{t("coupons.per_person")}</span>
        <input class="input numbers" inputMode="numeric" value={draft.perPerson} onInput={(event) => onChange({ perPerson: event.currentTarget.value })} data-testid="coupon-per-person" />
      </label>
      <label class="field">
        <span class="label">{t("coupons.valid")}</span>
        <select class="input" value={draft.validS} onChange={(event) => onChange({ validS: Number(event.currentTarget.value) })}>
          {VALID_S.map((seconds) => (
            <option key={seconds} value={seconds}>
              {span(seconds * 1000)}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}
