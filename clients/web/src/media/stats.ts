/** What a publisher sends, from the browser's own statistics. */

/** Running totals and current values of one moment. */
export interface SentStats {
  atMs: number;
  bytes: number;
  width: number;
  height: number;
  fps: number;
  /** 0-1, as the server reported it last. */
  loss: number;
  rttMs: number | null;
  codec: string;
  /** What holds the quality down: "none", "cpu", "bandwidth" or "other". */
  limitedBy: string;
}

export interface Health {
  kbps: number;
  fps: number;
  width: number;
  height: number;
  loss: number;
  rttMs: number | null;
  codec: string;
  limitedBy: string;
  grade: "good" | "fair" | "poor";
}

interface Report {
  id: string;
  type: string;
  kind?: string;
  timestamp: number;
  bytesSent?: number;
  frameWidth?: number;
  frameHeight?: number;
  framesPerSecond?: number;
  fractionLost?: number;
  roundTripTime?: number;
  codecId?: string;
  mimeType?: string;
  qualityLimitationReason?: string;
}

export async function readStats(pc: RTCPeerConnection): Promise<SentStats> {
  const reports: Report[] = [];
  (await pc.getStats()).forEach((report: Report) => reports.push(report));
  const sent = reports.filter((report) => report.type === "outbound-rtp");
  const heard = reports.filter((report) => report.type === "remote-inbound-rtp");
  const rtts = heard.flatMap((report) => report.roundTripTime ?? []);
  return {
    ...pictureOf(reports),
    bytes: sent.reduce((sum, report) => sum + (report.bytesSent ?? 0), 0),
    loss: Math.max(0, ...heard.map((report) => report.fractionLost ?? 0)),
    rttMs: rtts.length > 0 ? Math.max(...rtts) * 1000 : null,
  };
}

function pictureOf(reports: readonly Report[]): Omit<SentStats, "bytes" | "loss" | "rttMs"> {
  const video = reports.find((report) => report.type === "outbound-rtp" && report.kind === "video");
  const codec = reports.find((report) => report.id === video?.codecId);
  return {
    atMs: video?.timestamp ?? performance.now(),
    width: video?.frameWidth ?? 0,
    height: video?.frameHeight ?? 0,
    fps: video?.framesPerSecond ?? 0,
    codec: codec?.mimeType?.replace("video/", "") ?? "",
    limitedBy: video?.qualityLimitationReason ?? "none",
  };
}

/** Health between two moments; null until there are two. */
export function healthBetween(before: SentStats | null, now: SentStats): Health | null {
  if (!before || now.atMs <= before.atMs || now.bytes < before.bytes) return null;
  const kbps = ((now.bytes - before.bytes) * 8) / (now.atMs - before.atMs);
  const { fps, width, height, loss, rttMs, codec, limitedBy } = now;
  return { kbps, fps, width, height, loss, rttMs, codec, limitedBy, grade: gradeOf(fps, loss, rttMs) };
}

function gradeOf(fps: number, loss: number, rttMs: number | null): Health["grade"] {
  if (fps < 8 || loss > 0.08 || (rttMs ?? 0) > 800) return "poor";
  if (fps < 18 || loss > 0.02 || (rttMs ?? 0) > 300) return "fair";
  return "good";
}
