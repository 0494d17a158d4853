/** How the stream is doing: what this browser sends, and what the server says of it. */
import { t } from "../i18n";
import type { PublisherHealth } from "../live/api";
import type { Room } from "../live/room";
import type { Publisher } from "../media/publisher";
import type { Health } from "../media/stats";
import { Notice } from "../ui/basics";
import { useNow } from "../ui/hooks";
import { LatencyLine } from "./latency";

const UNKNOWN = "–";
/** The server speaks once a second: after this long there is nothing to speak of. */
const OLD_MS = 5_000;
const monotonicMs = () => performance.now();

export function HealthLine({ room, publisher }: { room: Room; publisher: Publisher }) {
  const health = publisher.health.value;
  const server = useServerSide(room);
  return (
    <>
      <dl class="health" data-testid="publisher-health" data-grade={health?.grade ?? ""} data-via={server?.protocol ?? ""}>
        <Figure name={t("health.grade")}>{grade(health, server, room.status.value === "interrupted")}</Figure>
        <Figure name={t("health.bitrate")}>{bitrateText(health, server)}</Figure>
        <Figure name={t("health.picture")}>{pictureText(health ?? server?.video ?? null)}</Figure>
        <Figure name={t("health.network")}>{networkText(health, server)}</Figure>
        {server && <ServerFigures server={server} sending={health !== null} />}
      </dl>
      <LatencyLine room={room} />
      {health && <Limits health={health} />}
      {server?.advice?.map((code) => <Advice key={code} code={code} server={server} />)}
    </>
  );
}

/** What only the server knows; who sends is said unless it is this tab. */
function ServerFigures({ server, sending }: { server: PublisherHealth; sending: boolean }) {
  const { keyframe_interval_ms: interval } = server.video ?? {};
  return (
    <>
      {interval != null && (
        <Figure name={t("health.keyframes")}>{t("health.keyframes.every", { s: seconds(interval) })}</Figure>
      )}
      {server.viewers && <Figure name={t("health.viewers")}>{viewersText(server.viewers)}</Figure>}
      {!sending && (
        <Figure name={t("health.source")}>
          {[server.label, server.protocol?.toUpperCase()].filter(Boolean).join(" · ")}
        </Figure>
      )}
    </>
  );
}

function grade(health: Health | null, server: PublisherHealth | null, interrupted: boolean) {
  if (!health && !server) return UNKNOWN;
  const worst = server?.advice?.[0];
  const is = health?.grade ?? (interrupted || worst === "loss" || worst === "b_frames" ? "poor" : worst ? "fair" : "good");
  return <span class={`grade ${is}`}>{t(`health.${is}`)}</span>;
}

function bitrateText(health: Health | null, server: PublisherHealth | null): string {
  const kbps = health?.kbps ?? (server ? (server.video?.kbps ?? 0) + (server.audio?.kbps ?? 0) : null);
  return kbps === null ? UNKNOWN : `${(kbps / 1000).toFixed(1)} Mbps`;
}

function pictureText(picture: { width?: number | null; height?: number | null; fps?: number | null } | null): string {
  if (!picture?.width) return UNKNOWN;
  return `${picture.width}×${picture.height ?? 0} · ${Math.round(picture.fps ?? 0)} fps`;
}

function networkText(health: Health | null, server: PublisherHealth | null): string {
  const rttMs = health?.rttMs ?? server?.rtt_ms ?? null;
  const loss = health?.loss ?? server?.loss ?? 0;
  return rttMs === null ? UNKNOWN : `${Math.round(rttMs)} ms · ${(loss * 100).toFixed(1)}%`;
}

function viewersText({ whep = 0, hls = 0 }: NonNullable<PublisherHealth["viewers"]>): string {
  return `${whep} WHEP · ${hls} HLS`;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}

const ADVICE = ["loss", "round_trip", "keyframes", "b_frames", "frame_rate", "no_hls", "no_sound"] as const;

/** What is wrong, in plain words, and what to do about it. Codes of a newer server are passed over. */
function Advice({ code, server }: { code: string; server: PublisherHealth }) {
  const known = ADVICE.find((one) => one === code);
  if (!known) return null;
  const text = t(`advice.${known}`, {
    loss: ((server.loss ?? 0) * 100).toFixed(0),
    ms: Math.round(server.rtt_ms ?? 0),
    s: seconds(server.video?.keyframe_interval_ms ?? 0),
    fps: Math.round(server.video?.fps ?? 0),
    codec: server.video?.codec ?? "",
  });
  return (
    <div data-testid={`advice-${known}`}>
      <Notice tone="wait" icon="warn">
        {text}
      </Notice>
    </div>
  );
}

/** Why the browser lowered the quality by itself, where the host can do something about it. */
function Limits({ health }: { health: Health }) {
  const limit = health.limitedBy === "bandwidth" && health.grade === "good" ? "none" : health.limitedBy;
  if (limit !== "cpu" && limit !== "bandwidth") return null;
  return (
    <Notice tone="wait" icon="warn">
      {t(`health.${limit}`)}
    </Notice>
  );
}

function Figure({ name, children }: { name: string; children: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd class="numbers">{children}</dd>
    </div>
  );
}

/** What the server last said of the host's stream, unless that is long ago. */
function useServerSide(room: Room): PublisherHealth | null {
  const said = room.publisher.value;
  const now = useNow(monotonicMs, said !== null, 1_000);
  return said && now - said.atMs < OLD_MS ? said.health : null;
}
