/**
 * A session's resource at the server (RFC 9725, 4.3): candidates that turn up later are told it, ICE begins
 * anew by it when the network changes, and it is ended by it.
 */
import { writeFragment, withFragment } from "./fragment";

export interface Endpoint {
  url: string;
  /** The credential of the moment: a session may last longer than the one it began with. */
  bearer: () => string | null | Promise<string | null>;
  headers?: Record<string, string>;
}

/** Candidates that come close together go in one request. */
const TRICKLE_MS = 150;
/** A connection that is away for this long gets a new try over whatever network there is now. */
const AWAY_MS = 1_200;
/** A try that changed nothing is made again. */
const AGAIN_MS = 4_000;
const PATCH_MS = 5_000;
const FRAGMENT = "application/trickle-ice-sdpfrag";

export class Resource {
  /** Called once when the server knows the session no more. */
  onGone: (() => void) | null = null;
  private readonly url: string | null;
  private etag: string | null;
  private answer = "";
  private candidates: string[] = [];
  private complete = false;
  private trickling: ReturnType<typeof setTimeout> | undefined;
  private away: ReturnType<typeof setTimeout> | undefined;
  private restarting = false;
  private readonly listening = new AbortController();

  constructor(
    private readonly pc: RTCPeerConnection,
    private readonly endpoint: Endpoint,
    headers: Headers,
  ) {
    const location = headers.get("Location");
    this.url = location === null ? null : new URL(location, new URL(endpoint.url, window.location.href)).href;
    this.etag = headers.get("ETag");
    const { signal } = this.listening;
    pc.addEventListener("icecandidate", ({ candidate }) => this.found(candidate), { signal });
    pc.addEventListener("iceconnectionstatechange", () => this.judge(), { signal });
    addEventListener("online", () => this.networkChanged(), { signal });
    const network = (navigator as { connection?: EventTarget }).connection;
    network?.addEventListener("change", () => this.networkChanged(), { signal });
  }

  /** The answer has been applied. */
  begin(answer: string): void {
    this.answer = answer;
    this.judge();
  }

  /** New credentials and a new look for paths, with the media going on meanwhile. */
  async restart(): Promise<void> {
    const { pc } = this;
    if (this.restarting || this.url === null || pc.signalingState !== "stable" || this.answer === "") return;
    this.restarting = true;
    try {
      this.candidates = [];
      this.complete = false;
      pc.restartIce();
      await pc.setLocalDescription();
      const response = await this.patch(writeFragment(pc.localDescription?.sdp ?? "", []), "*");
      const answer = response.ok ? withFragment(this.answer, await response.text()) : this.answer;
      if (response.ok) {
        this.etag = response.headers.get("ETag") ?? this.etag;
        await pc.setRemoteDescription({ type: "answer", sdp: answer });
        this.answer = answer;
      } else {
        await this.rollBack();
        if ([401, 403, 404, 410].includes(response.status)) this.gone();
      }
    } catch {
      await this.rollBack(); // no network: `online` or the next look at the state begins again
    } finally {
      this.restarting = false;
      this.judge();
    }
  }

  /** Ends the session and says whether the server confirmed it. The request outlives the page. */
  async end(): Promise<boolean> {
    this.letGo();
    if (this.url === null) return false;
    try {
      const headers = bearerHeader(await this.endpoint.bearer());
      return (await fetch(this.url, { method: "DELETE", headers, keepalive: true })).ok;
    } catch {
      return false;
    }
  }

  /** No more of it, without a goodbye. */
  letGo(): void {
    this.onGone = null;
    this.listening.abort();
    clearTimeout(this.trickling);
    clearTimeout(this.away);
  }

  private found(candidate: RTCIceCandidate | null): void {
    if (candidate === null || candidate.candidate === "") this.complete = true;
    else this.candidates.push(candidate.candidate);
    clearTimeout(this.trickling);
    this.trickling = setTimeout(() => void this.trickle(), this.complete ? 0 : TRICKLE_MS);
  }

  /** A server that has found the path already needs no candidates: most do before there is one to tell. */
  private async trickle(): Promise<void> {
    const { pc } = this;
    if (this.restarting || this.url === null || isUp(pc) || (this.candidates.length === 0 && !this.complete)) return;
    const body = writeFragment(pc.localDescription?.sdp ?? "", this.candidates, { complete: this.complete });
    this.candidates = [];
    try {
      const { status } = await this.patch(body, this.etag ?? "*");
      if (status === 412) void this.restart(); // it has other credentials than we think
    } catch {
      // The path may be found without; if not, the state says so.
    }
  }

  private async patch(body: string, etag: string): Promise<Response> {
    const bearer = bearerHeader(await this.endpoint.bearer());
    return fetch(this.url ?? "", {
      method: "PATCH",
      headers: { "Content-Type": FRAGMENT, "If-Match": etag, ...bearer },
      body,
      signal: AbortSignal.timeout(PATCH_MS),
    });
  }

  private async rollBack(): Promise<void> {
    if (this.pc.signalingState !== "have-local-offer") return;
    await this.pc.setLocalDescription({ type: "rollback" }).catch(() => undefined);
  }

  private networkChanged(): void {
    clearTimeout(this.away);
    void this.restart();
  }

  private judge(): void {
    clearTimeout(this.away);
    const state = this.pc.iceConnectionState;
    if (this.listening.signal.aborted || (state !== "disconnected" && state !== "failed")) return;
    this.away = setTimeout(() => void this.restart(), state === "disconnected" ? AWAY_MS : AGAIN_MS);
  }

  private gone(): void {
    const { onGone } = this;
    this.letGo();
    onGone?.();
  }
}

export function bearerHeader(bearer: string | null): Record<string, string> {
  return bearer === null ? {} : { Authorization: `Bearer ${bearer}` };
}

function isUp(pc: RTCPeerConnection): boolean {
  return pc.iceConnectionState === "connected" || pc.iceConnectionState === "completed";
}
