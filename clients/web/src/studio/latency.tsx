/** How late viewers see what happens here, by the way that they watch. */
import { t } from "../i18n";
import type { Room } from "../live/room";
import type { LatencyOf } from "../live/wire";

export function LatencyLine({ room }: { room: Room }) {
  const latency = room.latency.value;
  if (!latency) return null;
  const { whep, hls, uplink_ms: uplink } = latency;
  return (
    <dl class="health" data-testid="latency" title={t("latency.explained")}>
      <Latency name={t("latency.whep")} of={whep} />
      <Latency name={t("latency.hls")} of={hls} />
      <div>
        <dt>{t("latency.uplink")}</dt>
        <dd class="numbers">{uplink === null ? t("latency.unknown") : milliseconds(uplink)}</dd>
      </div>
    </dl>
  );
}

function Latency({ name, of }: { name: string; of: LatencyOf }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd class="numbers">
        {of.p50_ms === null || of.p95_ms === null
          ? t("latency.unknown")
          : t("latency.figures", { p50: milliseconds(of.p50_ms), p95: milliseconds(of.p95_ms) })}
      </dd>
    </div>
  );
}

function milliseconds(ms: number): string {
  return ms < 1_000 ? `${ms}\u00a0ms` : `${(ms / 1_000).toFixed(1)}\u00a0s`;
}
