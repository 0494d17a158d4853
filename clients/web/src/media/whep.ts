/** A WHEP viewer: the room's encoded packets over WebRTC. */
import { whepBehind, type InboundVideo } from "./delay";
import { negotiate, onClosedByServer, type Endpoint, type Resource } from "./session";

interface Report {
  type: string;
  kind?: string;
  nominated?: boolean;
  currentRoundTripTime?: number;
}

export class WhepSession {
  readonly stream = new MediaStream();
  /** Called once when the connection has failed for good. */
  onFailed: (() => void) | null = null;
  private resource: Resource | null = null;

  private constructor(private readonly pc: RTCPeerConnection) {
    pc.addTransceiver("video", { direction: "recvonly" });
    pc.addTransceiver("audio", { direction: "recvonly" });
    pc.addEventListener("track", ({ track }) => this.stream.addTrack(track));
    pc.addEventListener("connectionstatechange", () => {
      if (pc.connectionState === "failed") this.onFailed?.();
    });
  }

  /** Throws a Refusal with the server's code, or an AbortError. */
  static async open(endpoint: Endpoint, abort: AbortSignal): Promise<WhepSession> {
    const session = new WhepSession(new RTCPeerConnection({ bundlePolicy: "max-bundle" }));
    try {
      session.resource = await negotiate(session.pc, endpoint, abort);
      session.resource.onGone = () => session.onFailed?.();
      onClosedByServer(session.pc, () => session.onFailed?.());
      return session;
    } catch (thrown) {
      session.close();
      throw thrown;
    }
  }

  /** How many video frames have come so far. */
  async frames(): Promise<number> {
    let frames = 0;
    (await this.pc.getStats()).forEach((report: { type: string; kind?: string; framesReceived?: number }) => {
      if (report.type === "inbound-rtp" && report.kind === "video") frames = report.framesReceived ?? 0;
    });
    return frames;
  }

  /** How far behind the server's clock the picture is, in ms; null: it can't be known. */
  async behind(serverNow: () => number): Promise<number | null> {
    let video: InboundVideo = {};
    let roundTripMs: number | null = null;
    (await this.pc.getStats()).forEach((report: InboundVideo & Report) => {
      if (report.type === "inbound-rtp" && report.kind === "video") video = report;
      if (report.type === "candidate-pair" && report.nominated && report.currentRoundTripTime !== undefined) {
        roundTripMs = report.currentRoundTripTime * 1_000;
      }
    });
    return whepBehind(video, roundTripMs, serverNow());
  }

  close(): void {
    this.onFailed = null;
    const { pc, resource } = this;
    this.resource = null;
    for (const receiver of pc.getReceivers()) receiver.track.stop();
    if (resource === null) pc.close();
    else void resource.end().finally(() => pc.close());
  }
}
