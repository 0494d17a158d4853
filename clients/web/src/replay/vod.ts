/** A recording's picture: an HLS playlist from beginning to end, and what one does with it. */
import { signal } from "@preact/signals";
import type Hls from "hls.js";

export const RATES = [0.5, 1, 1.25, 1.5, 2] as const;

const KEPT = "danmart.volume";
const RECOVERIES = 3;

export class Vod {
  readonly timeMs = signal(0);
  readonly playing = signal(false);
  readonly waiting = signal(false);
  readonly muted = signal(false);
  readonly volume = signal(storedVolume());
  readonly rate = signal(1);
  /** The end of what is loaded around the place, in ms. */
  readonly bufferedMs = signal(0);
  readonly failed = signal(false);
  /** The browser wants a tap before it plays with sound. */
  readonly blocked = signal(false);

  private video: HTMLVideoElement | null = null;
  private hls: Hls | null = null;
  private recoveries = 0;
  private frame = 0;

  constructor(
    private readonly url: string,
    private readonly token: string | null,
    private startMs: number,
    /** Called with the place at every picture that the page draws. */
    private readonly onPlace: (ms: number) => void,
  ) {}

  /** Plays in `video`; gives what stops that. */
  attach(video: HTMLVideoElement): () => void {
    this.video = video;
    video.volume = this.volume.peek();
    const listeners = this.listen(video);
    void this.open(video);
    const watch = () => {
      this.frame = requestAnimationFrame(watch);
      if (!video.seeking && video.readyState >= 1) this.place(video.currentTime * 1000);
    };
    this.frame = requestAnimationFrame(watch);
    return () => {
      cancelAnimationFrame(this.frame);
      listeners.abort();
      this.hls?.destroy();
      this.hls = null;
      this.video = null;
    };
  }

  async play(): Promise<void> {
    try {
      await this.video?.play();
      this.blocked.value = false;
    } catch {
      this.blocked.value = true;
    }
  }

  toggle(): void {
    if (this.video?.paused === false) this.video.pause();
    else void this.play();
  }

  seek(ms: number): void {
    const video = this.video;
    if (!video) return;
    const last = Number.isFinite(video.duration) ? video.duration * 1000 : ms;
    const to = Math.max(0, Math.min(ms, last));
    if (video.readyState === 0) this.startMs = to;
    video.currentTime = to / 1000;
    this.place(to);
  }

  setMuted(muted: boolean): void {
    if (this.video) this.video.muted = muted;
  }

  setVolume(volume: number): void {
    const to = Math.max(0, Math.min(1, volume));
    this.volume.value = to;
    localStorage.setItem(KEPT, String(to));
    if (this.video) {
      this.video.volume = to;
      this.video.muted = to === 0;
    }
  }

  setRate(rate: number): void {
    this.rate.value = rate;
    if (this.video) this.video.playbackRate = rate;
  }

  private place(ms: number): void {
    this.timeMs.value = ms;
    this.onPlace(ms);
  }

  private async open(video: HTMLVideoElement): Promise<void> {
    const { default: Library } = await import("hls.js/light");
    if (this.video !== video) return;
    if (!Library.isSupported()) {
      video.src = this.token === null ? this.url : `${this.url}?token=${encodeURIComponent(this.token)}`;
      video.addEventListener("loadedmetadata", () => (video.currentTime = this.startMs / 1000), { once: true });
      return;
    }
    const hls = new Library({
      enableWorker: false, // fMP4 is passed through: nothing to work on
      startPosition: this.startMs / 1000,
      maxBufferLength: 30,
      backBufferLength: 60,
      xhrSetup: (request) => {
        if (this.token !== null) request.setRequestHeader("Authorization", `Bearer ${this.token}`);
      },
    });
    this.hls = hls;
    hls.on(Library.Events.ERROR, (_event, { fatal, type }) => {
      if (!fatal) return;
      if (type === Library.ErrorTypes.MEDIA_ERROR && this.recoveries++ < RECOVERIES) hls.recoverMediaError();
      else this.failed.value = true;
    });
    hls.loadSource(this.url);
    hls.attachMedia(video);
    void this.play();
  }

  private listen(video: HTMLVideoElement): AbortController {
    const listeners = new AbortController();
    const on = (names: string[], what: () => void) => {
      for (const name of names) video.addEventListener(name, what, { signal: listeners.signal });
    };
    on(["play", "playing", "pause", "ended"], () => (this.playing.value = !video.paused && !video.ended));
    on(["waiting", "seeking"], () => (this.waiting.value = true));
    on(["playing", "seeked", "canplay"], () => (this.waiting.value = false));
    on(["volumechange"], () => (this.muted.value = video.muted || video.volume === 0));
    on(["progress", "timeupdate"], () => (this.bufferedMs.value = bufferedTo(video) * 1000));
    return listeners;
  }
}

function bufferedTo({ buffered, currentTime }: HTMLVideoElement): number {
  for (let n = 0; n < buffered.length; n++) {
    if (buffered.start(n) <= currentTime + 0.1 && currentTime <= buffered.end(n)) return buffered.end(n);
  }
  return currentTime;
}

function storedVolume(): number {
  const kept = Number(localStorage.getItem(KEPT) ?? "1");
  return kept >= 0 && kept <= 1 ? kept : 1;
}
