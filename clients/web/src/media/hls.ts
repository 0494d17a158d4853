/** An LL-HLS viewer. The player library is loaded when it is first needed. */
import type Hls from "hls.js";

import { hlsBehind } from "./delay";
import type { HlsAddress } from "./playback";

export class HlsSession {
  /** Called once when playing can't go on. */
  onFailed: (() => void) | null = null;

  private constructor(
    private readonly video: HTMLVideoElement,
    private readonly hls: Hls | null,
  ) {}

  /** Starts to play what is at `address` in `video`; `frames` tells when it does. */
  static async open(video: HTMLVideoElement, address: HlsAddress): Promise<HlsSession> {
    const { default: Hls } = await import("hls.js/light");
    if (!Hls.isSupported()) return HlsSession.native(video, address.url);
    const hls = new Hls({
      lowLatencyMode: true,
      enableWorker: false, // fMP4 is passed through: nothing to work on
      backBufferLength: 20,
      maxLiveSyncPlaybackRate: 1.2,
      liveDurationInfinity: true,
      manifestLoadPolicy: patient(),
      xhrSetup: (request, url) => {
        const now = address.renewed(url);
        if (now !== url) request.open("GET", now, true);
      },
    });
    const session = new HlsSession(video, hls);
    hls.on(Hls.Events.ERROR, (_event, { fatal, type }) => {
      if (!fatal) return;
      if (type === Hls.ErrorTypes.MEDIA_ERROR && session.recoveries++ < 3) hls.recoverMediaError();
      else session.onFailed?.();
    });
    hls.on(Hls.Events.LEVEL_UPDATED, (_event, { details }) => {
      session.rejoin(details.fragmentStart);
    });
    hls.loadSource(address.url);
    hls.attachMedia(video);
    return session;
  }

  private recoveries = 0;

  private static native(video: HTMLVideoElement, url: string): HlsSession {
    video.src = url;
    const session = new HlsSession(video, null);
    video.addEventListener("error", () => session.onFailed?.(), { once: true });
    return session;
  }

  frames(): Promise<number> {
    return Promise.resolve(this.video.getVideoPlaybackQuality().totalVideoFrames);
  }

  /** Seconds behind the live edge, if known. */
  latency(): number | null {
    return this.hls && this.hls.latency > 0 ? this.hls.latency : null;
  }

  /** How far behind the server's clock the picture is, in ms; null: it can't be known. */
  behind(serverNow: () => number): Promise<number | null> {
    return Promise.resolve(hlsBehind(this.hls?.playingDate ?? null, serverNow()));
  }

  /** Jumps to where live is now, for example after the page was hidden. */
  catchUp(): void {
    const edge = this.hls?.liveSyncPosition;
    if (edge != null && edge - this.video.currentTime > 4) this.video.currentTime = edge;
  }

  /**
   * Goes on at the live edge when the playlist has moved past where the video stands. After a pause that was
   * longer than the playlist (its node died), the library waits there for good.
   */
  private rejoin(start: number): void {
    const edge = this.hls?.liveSyncPosition;
    const { currentTime, readyState } = this.video;
    const stands = currentTime > 0 && readyState < HTMLMediaElement.HAVE_FUTURE_DATA;
    if (edge != null && stands && currentTime < start - 0.5) this.video.currentTime = edge;
  }

  close(): void {
    this.onFailed = null;
    if (this.hls) this.hls.destroy();
    else {
      this.video.removeAttribute("src");
      this.video.load();
    }
  }
}

/** The playlist of a stream that has just begun appears a moment later. */
function patient() {
  const again = { maxNumRetry: 12, retryDelayMs: 500, maxRetryDelayMs: 2_000 };
  return {
    default: {
      maxTimeToFirstByteMs: 8_000,
      maxLoadTimeMs: 12_000,
      timeoutRetry: again,
      errorRetry: { ...again, shouldRetry: (_config: unknown, retries: number) => retries < again.maxNumRetry },
    },
  };
}
