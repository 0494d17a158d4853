/** The caller's coupons, to be used with this order: those that fit, and why the others don't. */
import { couponCondition, couponValue } from "../i18n/coupon";
import { t } from "../i18n";
import type { Room } from "../live/room";
import { unfit } from "../live/sales";
import type { Claim, Product } from "../live/wire";
import { Icon } from "../ui/icon";

export function CouponPicker({ room, product, goodsMinor, currency, closed, chosen, onTap }: {
  room: Room;
  product: Product;
  goodsMinor: number;
  currency: string;
  /** Whether the sale that runs takes no coupons. */
  closed: boolean;
  chosen: readonly Claim[];
  onTap: (claim: Claim) => void;
}) {
  const now = room.now();
  const claims = room.you.coupons.value
    .map((claim) => ({ claim, why: unfit(claim, product, goodsMinor, currency, now) }))
    .filter(({ why }) => why === null || why === "minimum" || why === "product");
  if (claims.length === 0) return null;
  if (closed) {
    return (
      <p class="small quiet" data-testid="coupons-closed">
        {t("coupon.not_in_sale")}
      </p>
    );
  }
  return (
    <fieldset class="cards" data-testid="coupon-picker">
      <legend class="small quiet">{t("coupon.mine")}</legend>
      {claims.map(({ claim, why }) => (
        <label key={claim.id} class={`card-choice coupon${why ? " unfit" : ""}`} data-testid="my-coupon" data-id={claim.id}>
          <input
            type="checkbox"
            disabled={why !== null}
            checked={chosen.some(({ id }) => id === claim.id)}
            onChange={() => onTap(claim)}
          />
          <Icon name="ticket" size={18} />
          <span class="coupon-text">
            <strong>{couponValue(claim)}</strong> {claim.title}
            <span class="small quiet">{why ? t(why === "product" ? "coupon.unfit.product" : "coupon.unfit.minimum") : couponCondition(claim)}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}
