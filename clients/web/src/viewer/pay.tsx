/** The second half of buying: the hold with its countdown, the payment, and how it ended. */
import { useEffect, useState } from "preact/hooks";

import { errorText } from "../i18n/errors";
import { money } from "../i18n/format";
import { isKey, t } from "../i18n";
import { payMethods, type PayMethod } from "../live/api";
import type { Room } from "../live/room";
import type { Order, OrderStatus } from "../live/wire";
import { Notice, Spinner } from "../ui/basics";
import { Countdown } from "../ui/countdown";
import { useCountdown, useTask } from "../ui/hooks";
import { Icon } from "../ui/icon";
import { Lines, Summary } from "../ui/lines";

const SOON_S = 60;

/** Where the server doesn't say. */
const USUAL: readonly PayMethod[] = [{ method: "sandbox", kind: "charge" }];

export function Pay({ room, order }: { room: Room; order: Order }) {
  const methods = useMethods();
  const [wanted, setWanted] = useState(0);
  const [declined, setDeclined] = useState(false);
  const task = useTask();
  const left = useCountdown(order.hold_until_ms, room.now) ?? Infinity;
  const method = methods[wanted] ?? methods[0];
  const pay = () =>
    task.run(async () => {
      const card = method?.method === "sandbox" ? { card: declined ? ("declined" as const) : ("ok" as const) } : {};
      const url = await room.pay({ order: order.id, ...(method ? { method: method.method } : {}), ...card });
      if (url !== null) leaveFor(url);
    });
  const cancel = () => task.run(() => room.order("order.cancel", { order: order.id }));
  return (
    <>
      <div class={`hold${left < SOON_S ? " soon" : ""}`} data-testid="order-status" data-status="held">
        <Icon name="clock" size={26} />
        <div>
          <strong>{t("order.held")}</strong>
          <div class="small">{t("order.held.hint")}</div>
        </div>
        {order.hold_until_ms !== null && (
          <Countdown class="hold-clock" untilMs={order.hold_until_ms} now={room.now} data-testid="hold-countdown" />
        )}
      </div>
      <Summary order={order} />
      <Lines lines={order.lines} totalMinor={order.total_minor} currency={order.currency} />
      {cameBack(order.id) && <Notice icon="clock">{t("pay.confirming")}</Notice>}
      {methods.length > 1 && <Methods methods={methods} chosen={wanted} onChoose={setWanted} />}
      {method?.method === "sandbox" && <TestCards declined={declined} onChoose={setDeclined} />}
      {task.refusal && (
        <Notice tone="bad" icon="warn" data-testid="pay-error">
          {errorText(task.refusal)}
        </Notice>
      )}
      <button class="button primary wide" disabled={task.busy || left <= 0} onClick={() => void pay()} data-testid="pay-button">
        {task.busy && <Spinner />}
        {t("pay.amount", { amount: money(order.total_minor, order.currency) })}
      </button>
      <button class="button outline wide" disabled={task.busy} onClick={() => void cancel()} data-testid="cancel-order">
        {t("order.cancel")}
      </button>
    </>
  );
}

function useMethods(): readonly PayMethod[] {
  const [methods, setMethods] = useState<readonly PayMethod[]>([]);
  useEffect(() => {
    let here = true;
    payMethods().then(
      (found) => here && setMethods(found),
      () => here && setMethods(USUAL),
    );
    return () => {
      here = false;
    };
  }, []);
  return methods;
}

function Methods({ methods, chosen, onChoose }: {
  methods: readonly PayMethod[];
  chosen: number;
  onChoose: (index: number) => void;
}) {
  return (
    <fieldset class="cards">
      <legend class="small quiet">{t("pay.method")}</legend>
      {methods.map(({ method }, index) => {
        const key = `pay.method.${method}`;
        return (
          <label key={method} class="card-choice">
            <input type="radio" name="method" checked={index === chosen} onChange={() => onChoose(index)} />
            <span>{isKey(key) ? t(key) : method}</span>
          </label>
        );
      })}
    </fieldset>
  );
}

function TestCards({ declined, onChoose }: { declined: boolean; onChoose: (declined: boolean) => void }) {
  return (
    <fieldset class="cards">
      <legend class="small quiet">{t("pay.sandbox")}</legend>
      {[false, true].map((bad) => (
        <label key={String(bad)} class="card-choice">
          <input type="radio" name="card" checked={declined === bad} onChange={() => onChoose(bad)} />
          <span>{t(bad ? "pay.card.declined" : "pay.card.ok")}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** To the page where it is paid; whatever isn't a web page is no such page. */
function leaveFor(url: string): void {
  if (/^https?:$/.test(new URL(url).protocol)) location.assign(url);
}

/** Whether the buyer comes from a page that says it took the money, which is not known before the server says so. */
function cameBack(order: string): boolean {
  const asked = new URLSearchParams(location.search);
  return asked.get("order") === order && asked.get("checkout") === "done";
}

export function Settled({ order, status, onAgain, onClose }: {
  order: Order;
  status: Exclude<OrderStatus, "held">;
  onAgain: () => void;
  onClose: () => void;
}) {
  const paid = status === "paid";
  return (
    <>
      <div class={`settled ${status}`} role="status" data-testid="order-status" data-status={status}>
        <span class="settled-mark">
          <Icon name={paid ? "check" : status === "expired" ? "clock" : "close"} size={34} />
        </span>
        <h3>{t(`order.status.${status}.title`)}</h3>
        <p class="quiet">{t(`order.status.${status}.hint`)}</p>
      </div>
      <Summary order={order} />
      <Lines lines={order.lines} totalMinor={order.total_minor} currency={order.currency} />
      {!paid && (
        <button class="button primary wide" onClick={onAgain}>
          {t("buy.again")}
        </button>
      )}
      <button class={`button wide ${paid ? "primary" : "outline"}`} onClick={onClose} data-testid="buy-done">
        {t("buy.back")}
      </button>
    </>
  );
}
