/** Coins as they are shown everywhere. */
import { locale, t } from "../i18n";
import type { Room } from "../live/room";
import "./coins.css";

export function amount(coins: number): string {
  return new Intl.NumberFormat(locale()).format(coins);
}

export function CoinMark({ size = 16 }: { size?: number }) {
  return (
    <svg class="coin-mark" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true">
      <circle cx="12" cy="12" r="10.5" fill="#f2b233" />
      <circle cx="12" cy="12" r="7.4" fill="none" stroke="#b97b10" stroke-width="1.8" />
      <path d="M12 8.4v7.2M9.2 12h5.6" stroke="#b97b10" stroke-width="1.8" stroke-linecap="round" />
    </svg>
  );
}

export function Coins({ n, size = 16 }: { n: number; size?: number }) {
  return (
    <span class="coins numbers" data-coins={n}>
      <CoinMark size={size} />
      {amount(n)}
    </span>
  );
}

/** What the caller has, as a button that opens the wallet; nothing for guests. */
export function WalletChip({ room, onOpen }: { room: Room; onOpen: () => void }) {
  const wallet = room.you.wallet.value;
  if (!wallet) return null;
  return (
    <button
      class="wallet-chip"
      onClick={onOpen}
      aria-label={t("wallet.open", { n: amount(wallet.coins) })}
      data-testid="wallet-chip"
      data-coins={wallet.coins}
    >
      <Coins n={wallet.coins} />
    </button>
  );
}
