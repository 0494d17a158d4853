/** Tells the server now and then how late the picture is here: it shows its host, and its operator. */
import type { Room } from "../live/room";
import { reportsNow } from "../media/delay";
import type { Player } from "../media/player";

/** The server doesn't count what comes sooner. */
const EVERY_MS = 10_000;
/** A page that knows the server's clock less well than this has nothing to say. */
const CLOCK_ERROR_MS = 150;

/** Until the function that it gives is called. */
export function reportLatency(room: Room, player: Player): () => void {
  const timer = setInterval(() => void report(room, player), EVERY_MS);
  return () => clearInterval(timer);
}

async function report(room: Room, player: Player): Promise<void> {
  if (document.hidden || room.link.value !== "online" || room.clock.error() > CLOCK_ERROR_MS) return;
  if (!reportsNow(room.viewers.value, Math.random())) return;
  const seen = await player.behind(() => room.now());
  // Who could not be told is told the next time.
  if (seen !== null) await room.tellLatency(seen.via, seen.ms).catch(() => undefined);
}
