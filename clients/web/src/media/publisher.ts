/** Keeps a stream on the air: publishes it, comes back by itself after trouble, says goodbye when told to. */
import { signal } from "@preact/signals";

import { asRefusal, type Refusal } from "../live/errors";
import { healthBetween, type Health, type SentStats } from "./stats";
import { CAMERA_QUALITY, WhipSession } from "./whip";

export type Air = "off" | "starting" | "live" | "reconnecting" | "stopping";

const RETRY_MS = [500, 1_000, 2_000, 4_000];
/** Our own lost session counts as publishing for 2 s; a busy room after this long means somebody else is. */
const REPLACED_MS = 6_000;

export class Publisher {
  readonly air = signal<Air>("off");
  readonly health = signal<Health | null>(null);
  /** Why going live was refused, or what the last attempt to come back met. */
  readonly trouble = signal<Refusal | null>(null);

  private session: WhipSession | null = null;
  private stream: MediaStream | null = null;
  private running: AbortController | null = null;
  private measured: SentStats | null = null;
  private lastBearer: string | null = null;
  private attempts = 0;
  private lostAt = 0;

  /** `credential` gives a fresh token for each attempt. */
  constructor(
    private readonly room: string,
    private readonly credential: () => Promise<string>,
  ) {
    setInterval(() => void this.measure(), 1_000);
  }

  /** Goes live with `stream`. With `persist`, trouble is retried until `stop`: the stream was live before. */
  async start(stream: MediaStream, { takeover = false, persist = false } = {}): Promise<void> {
    this.stream = stream;
    this.trouble.value = null;
    this.attempts = 0;
    this.lostAt = performance.now();
    this.running = new AbortController();
    this.air.value = persist ? "reconnecting" : "starting";
    try {
      await this.publish(takeover);
    } catch (thrown) {
      if (this.running.signal.aborted) return;
      this.trouble.value = asRefusal(thrown);
      if (persist && this.worthRetrying()) this.retry();
      else this.off();
    }
  }

  /** Sends other tracks, live or not yet. */
  async change(stream: MediaStream): Promise<void> {
    this.stream = stream;
    for (const track of stream.getTracks()) await this.session?.replace(track);
  }

  /** Ends the stream. True if the server confirmed it. */
  async stop(): Promise<boolean> {
    this.air.value = "stopping";
    this.running?.abort();
    this.running = null;
    const { session } = this;
    this.session = null;
    const confirmed = session ? await session.close() : false;
    this.off();
    return confirmed;
  }

  private async publish(takeover: boolean): Promise<void> {
    const { running, stream } = this;
    if (!running || !stream) return;
    const endpoint = {
      url: `/whip/${encodeURIComponent(this.room)}`,
      bearer: () => this.bearer(),
      headers: takeover ? { "X-Danmart-Takeover": "1" } : {},
    };
    const session = await WhipSession.open(stream, endpoint, CAMERA_QUALITY, running.signal);
    session.onFailed = () => this.comeBack();
    this.session = session;
    this.measured = null;
    this.attempts = 0;
    this.trouble.value = null;
    this.air.value = "live";
  }

  /** A token lasts for minutes and a session for hours; without a way to the server the old one is tried. */
  private async bearer(): Promise<string> {
    try {
      this.lastBearer = await this.credential();
    } catch (thrown) {
      if (this.lastBearer === null) throw thrown;
    }
    return this.lastBearer;
  }

  private off(): void {
    this.running = null;
    this.health.value = null;
    this.measured = null;
    this.air.value = "off";
  }

  private comeBack(): void {
    if (!this.running || this.air.value !== "live") return;
    this.air.value = "reconnecting";
    this.health.value = null;
    this.lostAt = performance.now();
    this.session?.abandon();
    this.session = null;
    this.retry();
  }

  /** Without takeover: two studios of one host would throw each other out for ever. */
  private retry(): void {
    const { running } = this;
    const wait = RETRY_MS[Math.min(this.attempts++, RETRY_MS.length - 1)];
    setTimeout(() => {
      if (!running || running.signal.aborted) return;
      this.publish(false).catch((thrown: unknown) => {
        if (running.signal.aborted) return;
        this.trouble.value = asRefusal(thrown);
        if (this.worthRetrying()) this.retry();
        else this.off();
      });
    }, wait);
  }

  private worthRetrying(): boolean {
    const code = this.trouble.value?.code ?? "";
    if (code === "publisher_busy") return performance.now() - this.lostAt < REPLACED_MS;
    return !["forbidden", "bad_token", "token_expired", "room_not_found", "no_common_codec"].includes(code);
  }

  private async measure(): Promise<void> {
    if (this.air.value !== "live" || !this.session) return;
    const now = await this.session.stats();
    this.health.value = healthBetween(this.measured, now) ?? this.health.value;
    this.measured = now;
  }
}
