/** A sale that begins in a moment is waited for without a word. */
import { asRefusal } from "../live/errors";

/** By as much a server's clock may be behind, or a page's ahead, without the buyer hearing of it. */
const PATIENCE_MS = 1_500;
const TRIES = 3;

/** What `ask` gives; asked again by itself while the refusal is that it hasn't begun, but will at once. */
export async function patiently<T>(ask: () => Promise<T>, wait = sleep): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await ask();
    } catch (thrown) {
      const { code, retryAfterMs = Infinity } = asRefusal(thrown);
      if (code !== "not_started" || retryAfterMs > PATIENCE_MS || tries === TRIES) throw thrown;
      await wait(retryAfterMs);
    }
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
