/** Prices as people type them. */

/** "12.5" as minor units of a currency with `digits` decimals; null if it isn't a price. */
export function parsePrice(text: string, digits: number): number | null {
  const plain = text.trim().replace(/,(?=\d{3}(\D|$))/g, "").replace(",", ".");
  const match = /^(\d{1,9})(?:\.(\d*))?$/.exec(plain);
  if (!match) return null;
  const [, whole = "", decimals = ""] = match;
  if (decimals.length > digits) return null;
  return Number(whole) * 10 ** digits + Number(decimals.padEnd(digits, "0") || "0");
}

/** The inverse, for a field to start with. */
export function showPrice(minor: number, digits: number): string {
  return (minor / 10 ** digits).toFixed(digits);
}
