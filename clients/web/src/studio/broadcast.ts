/** The host's picture and sound from the devices to the air: one owner of both. */
import { effect, signal } from "@preact/signals";

import {
  capture,
  CaptureError,
  devices,
  stopAll,
  type CaptureTrouble,
  type Devices,
  type Wish,
} from "../media/capture";
import { Publisher } from "../media/publisher";
import { forget, recall, remember } from "./intent";

const WISH = "danmart.capture";

export class Broadcast {
  readonly stream = signal<MediaStream | null>(null);
  readonly opening = signal(false);
  readonly trouble = signal<CaptureTrouble | null>(null);
  readonly wish = signal<Wish>(storedWish());
  readonly devices = signal<Devices>({ cameras: [], microphones: [] });
  /** When this tab went live, by its own clock; null when it isn't. */
  readonly sinceMs = signal<number | null>(null);
  /** The tab was live with a shared screen, which only a click can share again. */
  readonly needsScreen = signal(false);
  readonly publisher: Publisher;
  private muted = false;

  constructor(
    private readonly room: string,
    credential: () => Promise<string>,
  ) {
    this.publisher = new Publisher(room, credential);
    addEventListener("beforeunload", (event) => {
      if (this.publisher.air.value !== "off") event.preventDefault();
    });
    effect(() => {
      // Going off the air without being told to ends the intent too: a reload must not throw others out.
      if (this.publisher.air.value === "off" && this.sinceMs.peek() !== null) this.forgetAir();
    });
  }

  /** Opens the devices; if this tab was live before a reload, the stream goes on. */
  async begin(): Promise<void> {
    const intent = recall(this.room);
    if (intent) this.wish.value = intent.wish;
    if (intent?.wish.source === "screen") {
      this.needsScreen.value = true;
      return;
    }
    await this.open();
    const stream = this.stream.value;
    if (!intent || !stream) return;
    await this.goOn(stream, intent.sinceMs);
  }

  /** Shares the screen again after a reload, and goes on. */
  async resumeScreen(): Promise<void> {
    const intent = recall(this.room);
    await this.open();
    const stream = this.stream.value;
    if (!stream) return;
    this.needsScreen.value = false;
    if (intent) await this.goOn(stream, intent.sinceMs);
  }

  /** Opens the devices as wished for, in place of those open now. */
  async open(): Promise<void> {
    if (this.opening.value) return;
    this.opening.value = true;
    this.trouble.value = null;
    const before = this.stream.value;
    // Many phones can't open a second camera beside the first.
    if (this.wish.value.source === "camera") stopAll(before);
    try {
      const stream = await capture(this.wish.value);
      if (before) stopAll(before);
      this.use(stream);
      await this.publisher.change(stream);
      this.devices.value = await devices();
    } catch (thrown) {
      this.trouble.value = thrown instanceof CaptureError ? thrown.trouble : "other";
      if (before && !before.active) this.stream.value = null;
    } finally {
      this.opening.value = false;
    }
  }

  async choose(change: Partial<Wish>): Promise<void> {
    this.wish.value = { ...this.wish.value, ...change };
    if (this.wish.value.source === "camera") localStorage.setItem(WISH, JSON.stringify(this.wish.value));
    await this.open();
    if (this.sinceMs.value !== null) this.rememberAir(this.sinceMs.value);
  }

  async goLive(takeover = false): Promise<void> {
    const stream = this.stream.value;
    if (!stream) return;
    await this.publisher.start(stream, { takeover });
    if (this.publisher.air.value === "live") this.onAir(Date.now());
  }

  /**
   * Sends black and silence, or the picture again. The session goes on, so that no viewer's player is torn down
   * and no grace period runs out.
   */
  mute(on: boolean): void {
    this.muted = on;
    for (const track of this.stream.value?.getTracks() ?? []) track.enabled = !on;
  }

  /** True if the server confirmed that the stream is over. */
  async stop(): Promise<boolean> {
    const confirmed = await this.publisher.stop();
    this.forgetAir();
    return confirmed;
  }

  giveUpResume(): void {
    this.needsScreen.value = false;
    forget(this.room);
    void this.choose({ source: "camera" });
  }

  private async goOn(stream: MediaStream, sinceMs: number): Promise<void> {
    this.onAir(sinceMs);
    await this.publisher.start(stream, { takeover: true, persist: true });
  }

  private onAir(sinceMs: number): void {
    this.sinceMs.value = sinceMs;
    this.rememberAir(sinceMs);
  }

  private rememberAir(sinceMs: number): void {
    remember(this.room, { sinceMs, wish: this.wish.value });
  }

  private forgetAir(): void {
    this.sinceMs.value = null;
    forget(this.room);
  }

  private use(stream: MediaStream): void {
    this.stream.value = stream;
    if (this.muted) this.mute(true); // other devices chosen during a pause are off too
    for (const track of stream.getVideoTracks()) {
      // A camera pulled out, or sharing stopped in the browser's own bar.
      track.addEventListener("ended", () => {
        if (this.stream.value === stream) {
          this.trouble.value = this.wish.value.source === "screen" ? "cancelled" : "missing";
        }
      });
    }
  }
}

function storedWish(): Wish {
  const initial: Wish = { source: "camera", orientation: "portrait", camera: null, microphone: null };
  try {
    return { ...initial, ...(JSON.parse(localStorage.getItem(WISH) ?? "{}") as Partial<Wish>) };
  } catch {
    return initial;
  }
}
