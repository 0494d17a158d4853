/** Which device this is, so that somebody who was banned isn't back at once under another name. */

const STORED = "danmart.device";
const BYTES = 16;

/** A name for this browser that says nothing else; null where nothing can be kept. */
export function deviceId(): string | null {
  try {
    const known = localStorage.getItem(STORED);
    if (known !== null && /^[A-Za-z0-9_-]{16,64}$/.test(known)) return known;
    const fresh = [...crypto.getRandomValues(new Uint8Array(BYTES))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    localStorage.setItem(STORED, fresh);
    return fresh;
  } catch {
    return null;
  }
}
