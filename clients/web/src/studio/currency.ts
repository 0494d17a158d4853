/** The currency that this host prices in: the last one used here. */
import { lang } from "../i18n";

const CURRENCY = "danmart.currency";

export const CURRENCIES = ["CNY", "USD", "EUR", "GBP", "JPY", "HKD", "TWD", "SGD", "KRW", "INR"];

export function usualCurrency(): string {
  return localStorage.getItem(CURRENCY) ?? (lang.value === "zh" ? "CNY" : "USD");
}

export function keepCurrency(currency: string): void {
  localStorage.setItem(CURRENCY, currency);
}
