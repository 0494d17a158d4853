/** A combo in the list of comments: one line, however long it gets. */
import { lang, t } from "../i18n";
import { giftName, giftOf } from "../live/gifts";
import type { LiveEvent } from "../live/wire";
import { Badges, Face } from "./comment";

export function GiftLine({ event }: { event: LiveEvent }) {
  const { gift, combo } = giftOf(event);
  return (
    <li class="comment gift-line" data-testid="gift-line" data-combo={combo.id} data-count={combo.count}>
      <Face user={event.user} />
      <div class="comment-main">
        <Badges badges={event.user?.badges ?? []} />
        <span class="who">{event.user?.name ?? ""}</span>
        <span class="text">
          {t("gift.line", { gift: giftName(gift, lang.value) })} <img src={gift.picture} alt="" width={20} height={20} />{" "}
          <strong class="numbers">×{combo.count}</strong>
        </span>
      </div>
    </li>
  );
}
