/**
 * A new token before the old one ends. Only the shop can give one: the page around this one (a frame of the
 * shop's) or the one that opened it is asked by `postMessage`; or somebody follows a new link to this page.
 */

/** How long before the end the shop is asked for the first time, and how often after that. */
const ASK_BEFORE_MS = 60_000;
const ASK_AGAIN_MS = 5_000;
const TIMER_MAX_MS = 2 ** 31 - 1;

export interface Holder {
  readonly token: string | null;
  /** Takes a token of the same person. Rejects if the server doesn't. */
  renew: (token: string) => Promise<void>;
}

interface Claims {
  iss?: unknown;
  sub?: unknown;
  exp?: unknown;
}

/** What a token says, unverified; null if it can't be read. */
export function claimsOf(token: string): Claims | null {
  try {
    const payload = (token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
    const claims: unknown = JSON.parse(atob(payload));
    return typeof claims === "object" && claims !== null ? claims : null;
  } catch {
    return null;
  }
}

/** Unix ms; null for a token that doesn't say. */
export function endOf(token: string): number | null {
  const exp = claimsOf(token)?.exp;
  return typeof exp === "number" ? exp * 1000 : null;
}

/** Whether both are of one person: another's would make this page theirs. */
export function samePerson(one: string, other: string): boolean {
  const [a, b] = [claimsOf(one), claimsOf(other)];
  return a !== null && b !== null && a.sub !== undefined && a.sub === b.sub && a.iss === b.iss;
}

/** When to ask, in ms from `now`; null when there is nothing to ask about. */
export function askIn(token: string, now: number): number | null {
  const end = endOf(token);
  if (end === null || end <= now) return null;
  const left = end - now;
  // Tokens that live shorter than the usual notice are asked about half-way.
  return Math.min(TIMER_MAX_MS, Math.max(0, left - Math.min(ASK_BEFORE_MS, left / 2)));
}

/** Keeps the holder's token fresh until `stop` is aborted. */
export function keepToken(holder: Holder, room: string, stop: AbortSignal): void {
  const shop = window.parent !== window ? window.parent : (window.opener as Window | null);
  let timer: ReturnType<typeof setTimeout> | undefined;

  const plan = () => {
    clearTimeout(timer);
    const wait = holder.token === null ? null : askIn(holder.token, Date.now());
    if (wait !== null && !stop.aborted && shop) timer = setTimeout(ask, wait);
  };
  const ask = () => {
    const end = holder.token === null ? null : endOf(holder.token);
    if (end === null || end <= Date.now()) return;
    // Says nothing that whoever embeds or opened the page doesn't know.
    shop?.postMessage({ type: "danmart.token.wanted", room, expires_at_ms: end }, "*");
    timer = setTimeout(ask, ASK_AGAIN_MS);
  };
  const take = (token: unknown) => {
    const { token: known } = holder;
    if (typeof token !== "string" || known === null || token === known || !samePerson(token, known)) return;
    holder.renew(token).then(plan, () => undefined); // a refused one changes nothing, and is asked for again
  };

  addEventListener(
    "message",
    (event: MessageEvent<{ type?: unknown; token?: unknown } | null>) => {
      if (shop && event.source === shop && event.data?.type === "danmart.token") take(event.data.token);
    },
    { signal: stop },
  );
  addEventListener(
    "hashchange",
    () => {
      const fragment = new URLSearchParams(location.hash.slice(1));
      const token = fragment.get("token");
      if (token === null) return;
      history.replaceState(history.state, "", location.pathname + location.search);
      take(token);
    },
    { signal: stop },
  );
  stop.addEventListener("abort", () => clearTimeout(timer));
  plan();
}
