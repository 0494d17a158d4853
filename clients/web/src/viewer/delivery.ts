/** Where to send what is bought: kept on this device, so that the next purchase needs no typing. */
import type { Address } from "../live/wire";

const STORED = "danmart.address";

/** As it stands in the fields. */
export interface Delivery {
  name: string;
  phone: string;
  lines: string;
  note: string;
}

export const NOWHERE: Delivery = { name: "", phone: "", lines: "", note: "" };

/** The address that the fields mean; undefined if they are empty, null if something is missing in them. */
export function addressOf({ name, phone, lines }: Delivery): Address | undefined | null {
  const rows = lines.split("\n").map((row) => row.trim()).filter(Boolean);
  const [who, number] = [name.trim(), phone.trim()];
  if (who === "" && number === "" && rows.length === 0) return undefined;
  const phoneIsGood = number === "" || /^[0-9+() ./-]{3,40}$/.test(number);
  if (who === "" || rows.length === 0 || rows.length > 3 || rows.some((row) => row.length > 200) || !phoneIsGood) return null;
  return { name: who, lines: rows, ...(number === "" ? {} : { phone: number }) };
}

export function noteOf({ note }: Delivery): string | undefined {
  return note.trim() === "" ? undefined : note.trim();
}

export function recallDelivery(): Delivery {
  try {
    const stored = JSON.parse(localStorage.getItem(STORED) ?? "{}") as Partial<Delivery>;
    return { ...NOWHERE, ...stored, note: "" };
  } catch {
    return NOWHERE;
  }
}

export function keepDelivery({ name, phone, lines }: Delivery): void {
  localStorage.setItem(STORED, JSON.stringify({ name, phone, lines }));
}
