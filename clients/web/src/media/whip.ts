/** A WHIP publisher (RFC 9725): one video and one audio track, H.264 before VP8, Opus. */
import { withStartBitrate } from "./sdp";
import { negotiate, onClosedByServer, type Endpoint, type Resource } from "./session";
import { readStats, type SentStats } from "./stats";

export interface Quality {
  videoBps: number;
  audioBps: number;
  fps: number;
}

export const CAMERA_QUALITY: Quality = { videoBps: 2_200_000, audioBps: 96_000, fps: 30 };

/** Time for ICE to find another path, which begins about a second after the connection was lost. */
const AWAY_MS = 5_000;

export class WhipSession {
  /** Called once when the connection has failed, or was away for some seconds. */
  onFailed: (() => void) | null = null;
  private resource: Resource | null = null;
  private away: ReturnType<typeof setTimeout> | undefined;

  private constructor(private readonly pc: RTCPeerConnection) {
    pc.addEventListener("connectionstatechange", () => this.judge());
  }

  /**
   * Publishes `stream`; resolves when packets can flow.
   *
   * Throws a Refusal with the server's code, or an AbortError.
   */
  static async open(
    stream: MediaStream,
    endpoint: Endpoint,
    quality: Quality,
    abort: AbortSignal,
  ): Promise<WhipSession> {
    const session = new WhipSession(new RTCPeerConnection({ bundlePolicy: "max-bundle" }));
    const adapt = (answer: string) => withStartBitrate(answer, Math.round(quality.videoBps / 1_600));
    try {
      for (const track of stream.getTracks()) session.add(track, stream, quality);
      session.resource = await negotiate(session.pc, endpoint, abort, adapt);
      session.resource.onGone = () => session.onFailed?.();
      onClosedByServer(session.pc, () => session.onFailed?.());
      await session.connected(abort);
      return session;
    } catch (thrown) {
      await session.close();
      throw thrown;
    }
  }

  /** Sends another track of the same kind instead, without negotiating again. */
  async replace(track: MediaStreamTrack): Promise<void> {
    await this.pc
      .getSenders()
      .find((sender) => sender.track?.kind === track.kind)
      ?.replaceTrack(track);
  }

  stats(): Promise<SentStats> {
    return readStats(this.pc);
  }

  /** Says goodbye. True if the server confirmed that the session is over. */
  async close(): Promise<boolean> {
    this.onFailed = null;
    clearTimeout(this.away);
    const { resource } = this;
    this.resource = null;
    // First the goodbye: a connection closed without one looks like trouble, and viewers would wait.
    const confirmed = resource === null ? false : await resource.end();
    this.pc.close();
    return confirmed;
  }

  /** Lets go without a goodbye: another session takes over. */
  abandon(): void {
    this.onFailed = null;
    clearTimeout(this.away);
    this.resource?.letGo();
    this.pc.close();
  }

  private add(track: MediaStreamTrack, stream: MediaStream, quality: Quality): void {
    const video = track.kind === "video";
    const transceiver = this.pc.addTransceiver(track, {
      direction: "sendonly",
      streams: [stream],
      sendEncodings: [
        video ? { maxBitrate: quality.videoBps, maxFramerate: quality.fps } : { maxBitrate: quality.audioBps },
      ],
    });
    if (video) preferH264(transceiver);
  }

  private connected(abort: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("no connection within 10 s")), 10_000);
      const check = () => {
        if (this.pc.connectionState === "connected") {
          clearTimeout(timer);
          resolve();
        } else if (this.pc.connectionState === "failed" || abort.aborted) {
          clearTimeout(timer);
          reject(new Error("the connection failed"));
        }
      };
      this.pc.addEventListener("connectionstatechange", check);
      abort.addEventListener("abort", check, { once: true });
      check();
    });
  }

  private judge(): void {
    clearTimeout(this.away);
    const { connectionState } = this.pc;
    if (connectionState === "failed") this.onFailed?.();
    if (connectionState === "disconnected") this.away = setTimeout(() => this.onFailed?.(), AWAY_MS);
  }
}

/** Constrained baseline, packetization-mode 1 first: what every viewer and HLS can take as it is. */
function preferH264(transceiver: RTCRtpTransceiver): void {
  const codecs = RTCRtpSender.getCapabilities("video")?.codecs ?? [];
  const rank = ({ mimeType, sdpFmtpLine = "" }: RTCRtpCodec) => {
    if (mimeType.toLowerCase() === "video/h264") {
      const mode1 = sdpFmtpLine.includes("packetization-mode=1");
      return mode1 && sdpFmtpLine.includes("profile-level-id=42e0") ? 0 : mode1 ? 1 : 2;
    }
    return mimeType.toLowerCase() === "video/vp8" ? 3 : 4;
  };
  if (codecs.length > 0) transceiver.setCodecPreferences([...codecs].sort((a, b) => rank(a) - rank(b)));
}
