/** Asking for a hold: a start that is a moment away, and why it wasn't given. */
import { useState } from "preact/hooks";

import { errorText } from "../i18n/errors";
import { t } from "../i18n";
import { asRefusal, type Refusal } from "../live/errors";
import type { Room } from "../live/room";
import type { Order } from "../live/wire";
import { Notice } from "../ui/basics";
import { Countdown } from "../ui/countdown";
import { useCountdown } from "../ui/hooks";
import { patiently } from "./patience";

type Wanted = Parameters<typeof Room.prototype.order<"buy">>[1];

export interface Hold {
  busy: boolean;
  refusal: Refusal | null;
  /** When to try again, by the server's clock. */
  againAtMs: number | null;
  /** The order; null if it was refused, which is then shown. */
  ask: (wanted: Wanted) => Promise<Order | null>;
}

export function useHold(room: Room): Hold {
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  const [againAtMs, setAgainAtMs] = useState<number | null>(null);
  const ask = async (wanted: Wanted) => {
    setBusy(true);
    setRefusal(null);
    try {
      return await patiently(() => room.order("buy", wanted));
    } catch (thrown) {
      const refused = asRefusal(thrown);
      setRefusal(refused);
      setAgainAtMs(refused.retryAfterMs === undefined ? null : room.now() + refused.retryAfterMs);
      return null;
    } finally {
      setBusy(false);
    }
  };
  return { busy, refusal, againAtMs, ask };
}

/** What stood in the way; what is held by others may come back, and when is said. */
export function Refused({ room, hold: { refusal, againAtMs } }: { room: Room; hold: Hold }) {
  const seconds = useCountdown(againAtMs, room.now);
  if (!refusal) return null;
  const mayComeBack = refusal.temporary && ["stock_held", "sold_out"].includes(refusal.code);
  return (
    <Notice tone={mayComeBack ? "wait" : "bad"} icon={mayComeBack ? "clock" : "warn"} data-testid="buy-error">
      <span data-code={refusal.code}>{mayComeBack ? t("error.stock_held") : errorText(refusal)}</span>
      {againAtMs !== null && refusal.temporary && (
        <div class="small" data-testid="try-again">
          {seconds === 0 ? (
            t("buy.try_now")
          ) : (
            <>
              {t("buy.try_in")} <Countdown untilMs={againAtMs} now={room.now} />
            </>
          )}
        </div>
      )}
    </Notice>
  );
}
