/** Where to, and a word for the shop; folded away until somebody needs it. */
import { t } from "../i18n";
import { Icon } from "../ui/icon";
import type { Delivery } from "./delivery";

interface DeliveryProps {
  delivery: Delivery;
  bad: boolean;
  onChange: (change: Partial<Delivery>) => void;
}

export function DeliveryFields({ delivery, bad, onChange }: DeliveryProps) {
  const where = [delivery.name, delivery.lines.replace(/\s*\n\s*/g, ", ")].filter((text) => text.trim() !== "").join(" · ");
  return (
    <details class="delivery" data-testid="delivery">
      <summary>
        <span>{t("delivery.title")}</span>
        <span class="small quiet ellipsis">{where || t("delivery.none")}</span>
        <Icon name="down" size={18} />
      </summary>
      <div class="stack">
        <div class="field-row">
          <label class="field">
            <span class="label">{t("delivery.name")}</span>
            <input class="input" autocomplete="name" maxLength={200} value={delivery.name} onInput={(event) => onChange({ name: event.currentTarget.value })} data-testid="delivery-name" />
          </label>
          <label class="field">
            <span class="label">{t("delivery.phone")}</span>
            <input class="input" type="tel" autocomplete="tel" maxLength={40} value={delivery.phone} onInput={(event) => onChange({ phone: event.currentTarget.value })} data-testid="delivery-phone" />
          </label>
        </div>
        <label class="field">
          <span class="label">{t("delivery.address")}</span>
          <textarea class="input" rows={2} autocomplete="street-address" maxLength={600} value={delivery.lines} onInput={(event) => onChange({ lines: event.currentTarget.value })} data-testid="delivery-lines" />
          <span class="hint">{t("delivery.address.hint")}</span>
        </label>
        <label class="field">
          <span class="label">{t("delivery.note")}</span>
          <input class="input" maxLength={500} value={delivery.note} onInput={(event) => onChange({ note: event.currentTarget.value })} data-testid="delivery-note" />
        </label>
      </div>
      {bad && (
        <p class="small bad-text" role="alert" data-testid="delivery-bad">
          {t("delivery.bad")}
        </p>
      )}
    </details>
  );
}
