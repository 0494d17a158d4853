/** What one must have done to take part, and what gives more chances. */
import { useEffect, useState } from "preact/hooks";

import { lang, t } from "../../i18n";
import { giftCatalogue } from "../../live/api";
import { giftName, type Gift } from "../../live/gifts";
import type { Room } from "../../live/room";
import { toastError } from "../../ui/toasts";
import type { LotteryDraft, WeightsBy } from "./lottery_draft";

export interface PartProps {
  draft: LotteryDraft;
  onChange: (change: Partial<LotteryDraft>) => void;
}

export function TermFields({ room, draft, onChange }: PartProps & { room: Room }) {
  return (
    <>
      <fieldset class="stack lottery-must">
        <legend class="label">{t("lottery.conditions")}</legend>
        <label class="field">
          <span class="label">{t("lottery.phrase")}</span>
          <input class="input" maxLength={60} value={draft.phrase} placeholder={t("lottery.phrase.hint")} onInput={(event) => onChange({ phrase: event.currentTarget.value })} data-testid="lottery-phrase" />
        </label>
        <label class="field">
          <span class="label">{t("lottery.must.watch")}</span>
          <input class="input numbers" inputMode="numeric" value={draft.minutes} onInput={(event) => onChange({ minutes: event.currentTarget.value })} />
        </label>
        <GiftFields room={room} draft={draft} onChange={onChange} />
        <label class="check">
          <input type="checkbox" checked={draft.follow} onChange={(event) => onChange({ follow: event.currentTarget.checked })} data-testid="lottery-must-follow" />
          {t("lottery.must.follow")}
        </label>
        <OrderFields room={room} draft={draft} onChange={onChange} />
      </fieldset>
      <WeightFields draft={draft} onChange={onChange} />
    </>
  );
}

function GiftFields({ room, draft, onChange }: PartProps & { room: Room }) {
  const [gifts, setGifts] = useState<readonly Gift[]>([]);
  useEffect(() => {
    giftCatalogue(room.token)
      .then(({ items }) => setGifts(items))
      .catch(toastError);
  }, [room]);
  return (
    <div class="field-row">
      <label class="field">
        <span class="label">{t("lottery.must.gift")}</span>
        <input class="input numbers" inputMode="numeric" value={draft.coins} onInput={(event) => onChange({ coins: event.currentTarget.value })} data-testid="lottery-coins" />
      </label>
      {draft.coins.trim() !== "" && (
        <label class="field">
          <span class="label">{t("lottery.must.gift.which")}</span>
          <select class="input" value={draft.gift} onChange={(event) => onChange({ gift: event.currentTarget.value })} data-testid="lottery-gift">
            <option value="">{t("lottery.must.gift.any")}</option>
            {gifts.map((gift) => (
              <option key={gift.id} value={gift.id}>
                {giftName(gift, lang.value)}
              </option>
            ))}
          </select>
        </label>
      )}
    </div>
  );
}

function OrderFields({ room, draft, onChange }: PartProps & { room: Room }) {
  return (
    <>
      <label class="check">
        <input type="checkbox" checked={draft.order} onChange={(event) => onChange({ order: event.currentTarget.checked })} data-testid="lottery-order" />
        {t("lottery.must.order")}
      </label>
      {draft.order && (
        <label class="field">
          <span class="label">{t("lottery.must.order.which")}</span>
          <select class="input" value={draft.product} onChange={(event) => onChange({ product: event.currentTarget.value })} data-testid="lottery-product">
            <option value="">{t("lottery.must.order.any")}</option>
            {room.state.value.products.map(({ id, title }) => (
              <option key={id} value={id}>
                {title}
              </option>
            ))}
          </select>
        </label>
      )}
    </>
  );
}

function WeightFields({ draft, onChange }: PartProps) {
  return (
    <div class="field-row">
      <label class="field">
        <span class="label">{t("lottery.weights")}</span>
        <select class="input" value={draft.weightsBy} onChange={(event) => onChange({ weightsBy: event.currentTarget.value as WeightsBy })} data-testid="lottery-weights">
          <option value="">{t("lottery.weights.none")}</option>
          <option value="gift_coins">{t("lottery.weights.gift_coins")}</option>
          <option value="fan_level">{t("lottery.weights.fan_level")}</option>
        </select>
      </label>
      {draft.weightsBy === "gift_coins" && (
        <label class="field">
          <span class="label">{t("lottery.weights.per")}</span>
          <input class="input numbers" inputMode="numeric" value={draft.weightsPer} onInput={(event) => onChange({ weightsPer: event.currentTarget.value })} data-testid="lottery-weights-per" />
        </label>
      )}
      {draft.weightsBy !== "" && (
        <label class="field">
          <span class="label">{t("lottery.weights.max")}</span>
          <input class="input numbers" inputMode="numeric" value={draft.weightsMax} onInput={(event) => onChange({ weightsMax: event.currentTarget.value })} data-testid="lottery-weights-max" />
        </label>
      )}
    </div>
  );
}
