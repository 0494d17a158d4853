/** The viewer's wallet: what is in it, packs to buy, and where it went. */
import { useState } from "preact/hooks";

import { errorText } from "../../i18n/errors";
import { money } from "../../i18n/format";
import { t } from "../../i18n";
import type { Room } from "../../live/room";
import type { CoinPrices, Pack } from "../../live/wallet";
import { amount, CoinMark, Coins } from "../../ui/coins";
import { Notice, Spinner } from "../../ui/basics";
import { Sheet } from "../../ui/sheet";
import { toast } from "../../ui/toasts";
import { MethodDetails, Methods, returnedFrom, useCoinPrices, usePayment } from "../payment";
import { Statement } from "./statement";
import "./wallet.css";

export function WalletSheet({ room, onPoints, onClose }: { room: Room; onPoints: () => void; onClose: () => void }) {
  const prices = useCoinPrices();
  const coins = room.you.wallet.value?.coins ?? 0;
  return (
    <Sheet title={t("wallet.title")} onClose={onClose} data-testid="wallet-sheet">
      <div class="wallet-balance" data-testid="wallet-balance" data-coins={coins}>
        <CoinMark size={34} />
        <div>
          <span class="small quiet">{t("wallet.balance")}</span>
          <strong class="numbers">{amount(coins)}</strong>
        </div>
      </div>
      <button class="button outline little" onClick={onPoints} data-testid="wallet-points">
        {t("points.open")}
      </button>
      <Waiting room={room} />
      {prices && <TopUp room={room} prices={prices} />}
      <Statement room={room} balance={coins} />
    </Sheet>
  );
}

/** What somebody is told who is back from the page where a top-up was to be paid. */
function Waiting({ room }: { room: Room }) {
  const order = room.you.topups.value.find(({ id, status }) => id === returnedFrom()?.order && status === "held");
  if (!order) return null;
  return (
    <Notice icon="clock" data-testid="wallet-waiting">
      {t("wallet.waiting", { n: amount(order.coins ?? 0) })}
    </Notice>
  );
}

function TopUp({ room, prices }: { room: Room; prices: CoinPrices }) {
  const [chosen, choose] = useState<string | null>(null);
  const [declined, setDeclined] = useState(false);
  const packs = prices.items;
  const pack = packs.find(({ id }) => id === chosen) ?? packs[0];
  const payment = usePayment((how) => room.topUp({ pack: pack?.id ?? "", ...how }), "coins");
  const { task } = payment;
  if (!pack) return <Notice icon="info">{t("wallet.no_packs")}</Notice>;
  const change = (id: string) => {
    task.clear();
    choose(id);
  };
  const pay = async () => {
    if (await payment.pay(declined ? "declined" : "ok")) {
      if (payment.method?.kind === "charge") toast(t("wallet.paid", { n: amount(pack.coins) }));
    }
  };
  return (
    <section class="wallet-topup" aria-label={t("wallet.topup")}>
      <Packs packs={packs} chosen={pack.id} onChoose={change} />
      <Methods payment={payment} />
      <MethodDetails payment={payment} declined={declined} onDeclined={setDeclined} />
      {task.refusal && (
        <Notice tone="bad" icon="warn" data-testid="topup-error">
          {errorText(task.refusal)}
        </Notice>
      )}
      <button class="button primary wide" disabled={task.busy || !payment.method} onClick={() => void pay()} data-testid="topup-pay">
        {task.busy && <Spinner />}
        {t("wallet.pay", { amount: money(pack.price_minor, pack.currency) })}
      </button>
    </section>
  );
}

function Packs({ packs, chosen, onChoose }: { packs: readonly Pack[]; chosen: string; onChoose: (id: string) => void }) {
  return (
    <fieldset class="packs">
      <legend class="small quiet">{t("wallet.topup")}</legend>
      {packs.map((pack) => (
        <label key={pack.id} class="pack">
          <input
            type="radio"
            class="unseen"
            name="pack"
            checked={pack.id === chosen}
            onChange={() => onChoose(pack.id)}
            aria-label={`${t("wallet.pack", { n: amount(pack.coins) })}, ${money(pack.price_minor, pack.currency)}`}
            data-testid="pack"
            data-coins={pack.coins}
          />
          <strong>
            <Coins n={pack.coins} />
          </strong>
          <span class="small quiet numbers">{money(pack.price_minor, pack.currency)}</span>
        </label>
      ))}
    </fieldset>
  );
}
