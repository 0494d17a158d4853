/** A product as its form has it, and what that means. Pure. */
import type { ChangeSku, NewSku, Product } from "../live/wire";
import { parsePrice, showPrice } from "./price";

export const SKUS_MAX = 50;

export interface SkuDraft {
  /** The variant that it changes; null: a new one. */
  id: string | null;
  name: string;
  price: string;
  stock: string;
}

export interface ProductDraft {
  title: string;
  currency: string;
  skus: readonly SkuDraft[];
}

export function newSku(price = "", stock = "10"): SkuDraft {
  return { id: null, name: "", price, stock };
}

export function draftOf(product: Product | null, currency: string, digitsOf: (currency: string) => number): ProductDraft {
  const first = product?.skus[0];
  if (!product || !first) return { title: "", currency, skus: [newSku()] };
  const digits = digitsOf(first.currency);
  const skus = product.skus.map(({ id, name, price_minor }) => ({
    id,
    name,
    price: showPrice(price_minor, digits),
    stock: "0",
  }));
  return { title: product.title, currency: first.currency, skus };
}

interface Meaning {
  title: string;
  skus: (NewSku & { id: string | null })[];
}

/** What the draft says; null if something in it can't be. Several kinds need names, each its own. */
export function meaningOf({ title, skus }: ProductDraft, digits: number): Meaning | null {
  const read = skus.map(({ id, name, price, stock }) => ({
    id,
    name: name.trim(),
    price_minor: parsePrice(price, digits),
    stock: /^\d{1,7}$/.test(stock.trim()) ? Number(stock) : null,
  }));
  const names = new Set(read.map(({ name }) => name));
  if (title.trim() === "" || read.length === 0) return null;
  if (read.length > 1 && (names.size < read.length || names.has(""))) return null;
  const whole: Meaning["skus"] = [];
  for (const { id, name, price_minor, stock } of read) {
    if (price_minor === null || stock === null) return null;
    whole.push({ id, name, price_minor, stock });
  }
  return { title: title.trim(), skus: whole };
}

/** The payload that makes it. */
export function additionOf({ title, skus }: Meaning, currency: string) {
  const [only, ...others] = skus;
  if (only && others.length === 0 && only.name === "") {
    return { title, currency, price_minor: only.price_minor, stock: only.stock };
  }
  return { title, currency, skus: skus.map(({ name, price_minor, stock }) => ({ name, price_minor, stock })) };
}

interface Change {
  title: string;
  price_minor?: number;
  skus?: ChangeSku[];
}

/** The payload that changes `product` into it; stock is only for kinds that are new. */
export function changeOf({ title, skus }: Meaning, product: Product): Change {
  const [only, ...others] = skus;
  if (only && others.length === 0 && product.skus.length === 1 && only.name === product.skus[0]?.name) {
    return { title, price_minor: only.price_minor };
  }
  const changed = skus.flatMap(({ id, name, price_minor, stock }): ChangeSku[] => {
    const before = product.skus.find((sku) => sku.id === id);
    if (!before) return [{ name, price_minor, stock }];
    if (before.name === name && before.price_minor === price_minor) return [];
    return [{ sku: before.id, ...(before.name === name ? {} : { name }), price_minor }];
  });
  return changed.length === 0 ? { title } : { title, skus: changed };
}
