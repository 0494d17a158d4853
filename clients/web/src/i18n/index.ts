/** The texts in the reader's language: the browser's, unless another was chosen here before. */
import { signal } from "@preact/signals";

import { en } from "./en";
import { zh } from "./zh";

export type Key = keyof typeof en;
export type Lang = "en" | "zh";
export type Params = Readonly<Record<string, string | number>>;

const STORED = "danmart.lang";
const TEXTS: Record<Lang, Record<Key, string>> = { en, zh };

export const lang = signal<Lang>(initial());
tellDocument(lang.value);

export function setLang(to: Lang): void {
  lang.value = to;
  localStorage.setItem(STORED, to);
  tellDocument(to);
}

/** The text of `key`, with `{name}` replaced by the parameter of that name. */
export function t(key: Key, params: Params = {}): string {
  return TEXTS[lang.value][key].replace(/\{(\w+)\}/g, (whole, name: string) => String(params[name] ?? whole));
}

export function isKey(key: string): key is Key {
  return Object.hasOwn(en, key);
}

export function locale(): string {
  return lang.value === "zh" ? "zh-CN" : "en";
}

function initial(): Lang {
  const chosen = localStorage.getItem(STORED);
  if (chosen === "en" || chosen === "zh") return chosen;
  return navigator.languages.find((each) => /^(en|zh)/i.test(each))?.toLowerCase().startsWith("zh") ? "zh" : "en";
}

function tellDocument(to: Lang): void {
  document.documentElement.lang = to === "zh" ? "zh-CN" : "en";
}
