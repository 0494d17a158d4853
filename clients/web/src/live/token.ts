/**
 * The caller's token: from the address's fragment, which no server log sees, into this tab's storage.
 * Under --demo a page may ask for one.
 */
import { demoToken, type DemoRole } from "./api";
import { Refusal } from "./errors";

const STORED = "danmart.token";
const NAME = "danmart.name";
/** When this tab was given a token by the demo, in ms; absent for tokens of a shop. */
const FROM_DEMO = "danmart.demo";
const RENEW_AFTER_MS = 10_000;

/** The token of this tab, taken out of the address if it is there. */
export function takeToken(): string | null {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const token = fragment.get("token");
  if (token !== null) {
    sessionStorage.setItem(STORED, token);
    sessionStorage.removeItem(FROM_DEMO);
    fragment.delete("token");
    const rest = fragment.toString();
    history.replaceState(history.state, "", location.pathname + location.search + (rest && `#${rest}`));
  }
  return token ?? sessionStorage.getItem(STORED);
}

/** The same person's next token. */
export function storeToken(token: string): void {
  sessionStorage.setItem(STORED, token);
}

export function forgetToken(): void {
  sessionStorage.removeItem(STORED);
}

/** A demo that was started again knows none of its old tokens. True if this tab may just ask for a new one. */
export function mayRenew(code: string): boolean {
  const given = Number(sessionStorage.getItem(FROM_DEMO));
  const refused = code === "bad_token" || code === "token_expired";
  return refused && given > 0 && Date.now() - given > RENEW_AFTER_MS;
}

/** Asks the demo for a token under this visitor's name. Null where there is no demo. */
export async function demoSignIn(role: DemoRole, name: string): Promise<string | null> {
  try {
    const { token } = await demoToken(name, role);
    sessionStorage.setItem(STORED, token);
    sessionStorage.setItem(FROM_DEMO, String(Date.now()));
    return token;
  } catch (thrown) {
    if (thrown instanceof Refusal) return null;
    throw thrown;
  }
}

/** The name a visitor of the demo goes by, the same on every visit. */
export function visitorName(invent: () => string): string {
  const known = localStorage.getItem(NAME);
  if (known) return known;
  const name = invent();
  localStorage.setItem(NAME, name);
  return name;
}
