/**
 * Where a room's HLS is. A public room's address stays; a private room's has a signed segment, `~…`, that is the
 * same for everybody for a quarter of an hour and runs out after the next one: it is exchanged on the way.
 */
import { inRoom, json } from "../live/api";

export interface Playback {
  hls: string;
  hls_until_ms?: number;
}

export interface RoomPage {
  playback: Playback;
  poster: string | null;
}

export function roomPage(room: string, token: string | null): Promise<RoomPage> {
  return json(inRoom(room, ""), { token });
}

const SIGNED = /\/~[^/]+\//;
/** A new one is there when less than this is left of the old one. */
const RENEW_MS = 12 * 60_000;
const AGAIN_MS = 60_000;

export class HlsAddress {
  private askedAt = -Infinity;

  constructor(
    private playback: Playback,
    private readonly again: () => Promise<Playback>,
    private readonly now: () => number = Date.now,
  ) {}

  /** Of a room's stream, or of a guest's: who may watch the room may watch its guests. */
  static async of(stream: string, token: () => string | null): Promise<HlsAddress> {
    const [room = stream] = stream.split(":");
    const ask = async () => {
      const { playback } = await roomPage(room, token());
      return { ...playback, hls: playback.hls.replace(`/hls/${room}/`, `/hls/${stream}/`) };
    };
    return new HlsAddress(await ask(), ask);
  }

  get url(): string {
    return this.playback.hls;
  }

  /** What to ask for instead of `url`, which may have been given a quarter of an hour ago. */
  renewed(url: string): string {
    const until = this.playback.hls_until_ms;
    const key = SIGNED.exec(this.playback.hls)?.[0];
    if (until === undefined || key === undefined) return url;
    if (until - this.now() < RENEW_MS && this.now() - this.askedAt > AGAIN_MS) void this.renew();
    return url.replace(SIGNED, key);
  }

  private async renew(): Promise<void> {
    this.askedAt = this.now();
    try {
      this.playback = await this.again();
    } catch {
      // Asked again in a minute; meanwhile the old address is still good.
    }
  }
}
