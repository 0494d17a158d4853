/** Ways to pay: here at once, or on another page and back. */
import { useEffect, useState } from "preact/hooks";

import { t, type Key } from "../i18n";
import { paymentMethods, type PaymentMethod } from "../live/api";
import { coinPrices, type CoinPrices } from "../live/wallet";
import type { Order } from "../live/wire";
import { Notice } from "../ui/basics";
import { useTask, type Task } from "../ui/hooks";

export interface Payment {
  task: Task;
  methods: readonly PaymentMethod[];
  /** The one to pay by; null until it is known. */
  method: PaymentMethod | null;
  choose: (method: string) => void;
  /** Pays, or leaves for the page on which it is paid. `card` is for the sandbox. */
  pay: (card: "ok" | "declined") => Promise<boolean>;
}

/** How somebody pays: what `order.pay` and `wallet.topup` have in common. */
export interface How {
  method?: string;
  card?: "ok" | "declined";
}

/** `send` pays, or gives the page on which it is paid; `without` is a way that isn't offered. */
export function usePayment(send: (how: How) => Promise<string | null>, without: string | null = null): Payment {
  const [methods, setMethods] = useState<readonly PaymentMethod[]>([]);
  const [chosen, choose] = useState<string | null>(null);
  const task = useTask();
  useEffect(() => {
    // Without an answer the server's usual way is taken.
    paymentMethods().then(
      (page) => setMethods(page.items.filter(({ method }) => method !== without)),
      () => undefined,
    );
  }, [without]);
  const method = methods.find((each) => each.method === chosen) ?? methods[0] ?? null;
  const pay = (card: "ok" | "declined") =>
    task.run(async () => {
      const how = method?.method === "sandbox" ? { method: method.method, card } : method ? { method: method.method } : {};
      const page = await send(how);
      if (page !== null) leaveFor(page);
    });
  return { task, methods, method, choose, pay };
}

let known: Promise<CoinPrices> | undefined;

/** What coins cost and are worth; null until it is known. */
export function useCoinPrices(): CoinPrices | null {
  const [prices, set] = useState<CoinPrices | null>(null);
  useEffect(() => {
    known ??= coinPrices();
    known.then(set, () => (known = undefined));
  }, []);
  return prices;
}

/** Pages that take money refuse to be shown in a frame, so out of one they get a tab of their own. */
function leaveFor(url: string): void {
  if (window.top === window) location.assign(url);
  else window.open(url, "_blank", "noopener");
}

export function Methods({ payment }: { payment: Payment }) {
  if (payment.methods.length < 2) return null;
  return (
    <fieldset class="cards" data-testid="pay-methods">
      <legend class="small quiet">{t("pay.method")}</legend>
      {payment.methods.map(({ method }) => (
        <label key={method} class="card-choice">
          <input
            type="radio"
            name="method"
            value={method}
            checked={payment.method?.method === method}
            onChange={() => payment.choose(method)}
          />
          <span>{nameOf(method)}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** What there is to know or to choose about the chosen way. */
export function MethodDetails({ payment, declined, onDeclined }: {
  payment: Payment;
  declined: boolean;
  onDeclined: (declined: boolean) => void;
}) {
  if (payment.method?.method === "sandbox") return <SandboxCards declined={declined} onDeclined={onDeclined} />;
  return payment.method?.kind === "checkout" ? <p class="small quiet center">{t("pay.elsewhere")}</p> : null;
}

function SandboxCards({ declined, onDeclined }: { declined: boolean; onDeclined: (declined: boolean) => void }) {
  return (
    <fieldset class="cards">
      <legend class="small quiet">{t("pay.sandbox")}</legend>
      {[false, true].map((bad) => (
        <label key={String(bad)} class="card-choice">
          <input type="radio" name="card" checked={declined === bad} onChange={() => onDeclined(bad)} />
          <span>{t(bad ? "pay.card.declined" : "pay.card.ok")}</span>
        </label>
      ))}
    </fieldset>
  );
}

const NAMES: Record<string, Key> = {
  sandbox: "pay.method.sandbox",
  external: "pay.method.external",
  stripe: "pay.method.stripe",
  coins: "pay.method.coins",
};

function nameOf(method: string): string {
  const name = NAMES[method];
  return name ? t(name) : method;
}

export interface Return {
  order: string;
  checkout: "done" | "cancelled" | null;
}

let returned: Return | null | undefined;

/** The order that another page has sent this buyer back for, taken out of the address the first time. */
export function returnedFrom(): Return | null {
  if (returned !== undefined) return returned;
  const query = new URLSearchParams(location.search);
  const order = query.get("order");
  const checkout = query.get("checkout");
  returned =
    order === null ? null : { order, checkout: checkout === "done" || checkout === "cancelled" ? checkout : null };
  if (returned) {
    query.delete("order");
    query.delete("checkout");
    const rest = query.toString();
    history.replaceState(history.state, "", location.pathname + (rest && `?${rest}`) + location.hash);
  }
  return returned;
}

/** What a held order says to somebody who is back: coming back proves nothing, the room will tell. */
export function BackNotice({ order }: { order: Order }) {
  const back = returnedFrom();
  if (back?.order !== order.id) return null;
  const cancelled = back.checkout === "cancelled";
  return (
    <Notice icon={cancelled ? "info" : "clock"} data-testid="pay-returned">
      {t(cancelled ? "pay.back.cancelled" : "pay.back.waiting")}
    </Notice>
  );
}
