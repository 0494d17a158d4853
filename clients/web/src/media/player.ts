/**
 * Plays a room: WHEP first, LL-HLS when WHEP can't be had, and back up when it can. It follows the room:
 * `follow("live")` plays, `"interrupted"` holds what there is, `"ended"` and `"idle"` stop.
 */
import { signal } from "@preact/signals";

import { asRefusal } from "../live/errors";
import type { RoomStatus } from "../live/wire";
import { HlsSession } from "./hls";
import { HlsAddress } from "./playback";
import { ladder, shouldClimb, whepFailed, whepWorks, type Ladder, type Protocol, type Via } from "./ladder";
import { WhepSession } from "./whep";

export type Phase = "idle" | "connecting" | "playing" | "stalled";

const FIRST_FRAME_MS: Record<Protocol, number> = { whep: 5_000, hls: 20_000 };
const STALLED_MS = 2_500;
const LOST_MS = 7_000;
const AGAIN_MS = 1_500;
/** A stream that breaks this soon after the socket did broke with the network or the node. */
const SAME_CAUSE_MS = 15_000;

type Session = WhepSession | HlsSession;

export class Player {
  readonly phase = signal<Phase>("idle");
  readonly protocol = signal<Protocol | null>(null);
  readonly latencyS = signal<number | null>(null);
  readonly muted = signal(true);
  /** The browser wants a tap before anything plays. */
  readonly blocked = signal(false);
  readonly landscape = signal(false);

  private video: HTMLVideoElement | null = null;
  private session: Session | null = null;
  private running: AbortController | null = null;
  private expected = false;
  private held = false;
  private ladder: Ladder;
  private playingSince = 0;
  private linkLostAt = -Infinity;

  constructor(
    private readonly room: string,
    private readonly token: () => string | null,
    private readonly via: Via,
  ) {
    this.ladder = ladder(via);
  }

  attach(video: HTMLVideoElement): () => void {
    this.video = video;
    video.muted = this.muted.value;
    const shape = () => {
      if (video.videoWidth > 0) this.landscape.value = video.videoWidth > video.videoHeight;
    };
    const seen = () => {
      if (document.hidden) return;
      if (this.session instanceof HlsSession) this.session.catchUp();
      if (this.session && video.paused) void this.play();
    };
    // A session that was opened in time starts the video by itself: not during a pause.
    video.addEventListener("playing", () => this.held && video.pause());
    video.addEventListener("resize", shape);
    video.addEventListener("loadedmetadata", shape);
    document.addEventListener("visibilitychange", seen);
    if (this.expected) this.start();
    return () => {
      video.removeEventListener("resize", shape);
      video.removeEventListener("loadedmetadata", shape);
      document.removeEventListener("visibilitychange", seen);
      this.stop();
      this.video = null;
    };
  }

  /**
   * With `paused` the last frame stays, silent, and nothing is torn down: what comes meanwhile is not shown, so
   * all viewers see the pause at once, however far behind they are. Who comes during it begins afterwards.
   */
  follow(status: RoomStatus, paused = false): void {
    this.hold(paused && status !== "idle" && status !== "ended");
    if (status === "idle" || status === "ended") this.stop();
    else {
      this.expected = status === "live" && !this.held;
      if (this.expected && !this.running) this.start();
    }
  }

  private hold(on: boolean): void {
    if (this.held === on) return;
    this.held = on;
    if (on) this.video?.pause();
    else if (this.session) {
      if (this.session instanceof HlsSession) this.session.catchUp();
      void this.play();
    }
  }

  /** The room's connection was lost: what breaks now says nothing about the protocol. */
  linkLost(): void {
    this.linkLostAt = performance.now();
  }

  setMuted(muted: boolean): void {
    this.muted.value = muted;
    if (!this.video) return;
    this.video.muted = muted;
    if (this.video.paused && this.session) void this.play();
  }

  /** Whoever talks with those who are seen can't be seconds behind: WebRTC or nothing, while `on`. */
  converse(on: boolean): void {
    const via = on ? "whep" : this.via;
    if (this.ladder.via === via) return;
    this.ladder = ladder(via);
    if (!on || !this.running || this.session instanceof WhepSession) return;
    this.running.abort();
    this.drop();
    this.start();
  }

  /** How far behind the server's clock the picture is, in ms; null: nothing is playing, or it isn't known. */
  async behind(serverNow: () => number): Promise<{ via: Protocol; ms: number } | null> {
    const { session, protocol } = this;
    if (!session || protocol.value === null || this.phase.value !== "playing") return null;
    const via = protocol.value;
    const ms = await session.behind(serverNow);
    return ms === null ? null : { via, ms };
  }

  /** To be called from a tap, when `blocked`. */
  async play(): Promise<void> {
    if (this.held) return;
    try {
      await this.video?.play();
      this.blocked.value = false;
    } catch (thrown) {
      if (thrown instanceof DOMException && thrown.name === "NotAllowedError") this.blocked.value = true;
    }
  }

  private start(): void {
    if (!this.video) return;
    const running = new AbortController();
    this.running = running;
    void this.run(running.signal);
  }

  private stop(): void {
    this.expected = false;
    this.running?.abort();
    this.running = null;
    this.drop();
    this.phase.value = "idle";
  }

  private async run(abort: AbortSignal): Promise<void> {
    for (;;) {
      this.phase.value = this.phase.value === "idle" ? "connecting" : "stalled";
      try {
        await this.connect(this.ladder.protocol, abort);
        await this.watch(abort);
      } catch (thrown) {
        if (abort.aborted) return;
        const before = this.ladder.protocol;
        this.judge(thrown);
        try {
          if (this.ladder.protocol === before) await pause(AGAIN_MS, abort);
        } catch {
          return;
        }
      }
    }
  }

  private judge(thrown: unknown): void {
    this.drop();
    const heldMs = this.playingSince > 0 ? performance.now() - this.playingSince : 0;
    this.playingSince = 0;
    const { code } = asRefusal(thrown);
    // Nobody is publishing yet, or there is no network: that says nothing about the protocol.
    if (["not_live", "offline"].includes(code)) return;
    if (performance.now() - this.linkLostAt < SAME_CAUSE_MS && code !== "node_full") return;
    if (this.ladder.protocol === "whep") this.fallBack(thrown, heldMs);
  }

  private fallBack(thrown: unknown, heldMs: number): void {
    const { retryAfterMs } = asRefusal(thrown);
    // Not everybody who was sent away at the same moment shall come back at the same moment.
    const wait = retryAfterMs === undefined ? undefined : retryAfterMs * (1 + Math.random() / 2);
    this.ladder = whepFailed(this.ladder, performance.now(), heldMs, wait);
  }

  private async connect(protocol: Protocol, abort: AbortSignal): Promise<void> {
    const { video } = this;
    if (!video) throw new Error("no video element");
    const session = protocol === "whep" ? await this.openWhep(abort) : await this.openHls(video);
    if (abort.aborted) {
      session.close();
      abort.throwIfAborted();
    }
    this.session = session;
    if (session instanceof WhepSession) video.srcObject = session.stream;
    void this.play();
    await this.firstFrame(session, FIRST_FRAME_MS[protocol], abort);
    this.playing(protocol);
  }

  private playing(protocol: Protocol): void {
    this.playingSince = performance.now();
    this.protocol.value = protocol;
    this.phase.value = "playing";
    if (protocol === "whep") this.ladder = whepWorks(this.ladder);
  }

  private openWhep(abort: AbortSignal): Promise<WhepSession> {
    return WhepSession.open({ url: `/whep/${encodeURIComponent(this.room)}`, bearer: this.token }, abort);
  }

  private async openHls(video: HTMLVideoElement): Promise<HlsSession> {
    return HlsSession.open(video, await HlsAddress.of(this.room, this.token));
  }

  private async firstFrame(session: Session, withinMs: number, abort: AbortSignal): Promise<void> {
    const seen = { failed: false };
    session.onFailed = () => (seen.failed = true);
    const before = session instanceof HlsSession ? await session.frames() : 0;
    for (let waited = 0; waited < withinMs; waited += 100) {
      await pause(100, abort);
      if (seen.failed) break;
      if ((await session.frames()) > before) return;
      if (document.hidden && session instanceof HlsSession) return; // hidden pages paint nothing
    }
    throw new Error(`no frames within ${withinMs} ms`);
  }

  /** Returns when the session has to be replaced by one of the same protocol; throws when it failed. */
  private async watch(abort: AbortSignal): Promise<void> {
    let session = this.session;
    const seen = { failed: false };
    let frames = -1;
    let changedAt = performance.now();
    while (session) {
      session.onFailed = () => (seen.failed = true);
      await pause(500, abort);
      const now = performance.now();
      const count = await session.frames();
      if (count !== frames || document.hidden || !this.expected) changedAt = now;
      frames = count;
      this.phase.value = now - changedAt > STALLED_MS ? "stalled" : "playing";
      if (seen.failed || now - changedAt > LOST_MS) throw new Error("the stream stopped");
      this.latencyS.value = session instanceof HlsSession ? session.latency() : null;
      if (shouldClimb(this.ladder, now)) await this.climb(abort);
      session = this.session;
    }
  }

  /** From HLS to WHEP, without a gap: the old session plays until the new one has frames. */
  private async climb(abort: AbortSignal): Promise<void> {
    let next: WhepSession | null = null;
    try {
      next = await this.openWhep(abort);
      await this.firstFrame(next, FIRST_FRAME_MS.whep, abort);
    } catch (thrown) {
      next?.close();
      abort.throwIfAborted();
      this.fallBack(thrown, 0);
      return;
    }
    this.drop();
    this.session = next;
    if (this.video) this.video.srcObject = next.stream;
    void this.play();
    this.playing("whep");
  }

  private drop(): void {
    this.session?.close();
    this.session = null;
    this.protocol.value = null;
    if (this.video?.srcObject) this.video.srcObject = null;
    this.latencyS.value = null;
  }
}

function pause(ms: number, abort: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (abort.aborted) {
      reject(abort.reason as Error);
      return;
    }
    const stop = () => {
      clearTimeout(timer);
      reject(abort.reason as Error);
    };
    const timer = setTimeout(() => {
      abort.removeEventListener("abort", stop);
      resolve();
    }, ms);
    abort.addEventListener("abort", stop, { once: true });
  });
}
