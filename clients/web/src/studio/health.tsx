/** How the stream is doing: what this browser sends, and what the server says of it. */
import { useEffect, useState } from "preact/hooks";

import { t } from "../i18n";
import { publisher as publisherHealth, type PublisherHealth } from "../live/api";
import type { Room } from "../live/room";
import type { Publisher } from "../media/publisher";
import type { Health } from "../media/stats";
import { Notice } from "../ui/basics";

const ASK_MS = 5_000;
const UNKNOWN = "–";

export function HealthLine({ room, publisher }: { room: Room; publisher: Publisher }) {
  const health = publisher.health.value;
  const server = useServerSide(room);
  return (
    <>
      <dl class="health" data-testid="publisher-health" data-grade={health?.grade ?? ""}>
        <Figure name={t("health.grade")}>
          {health ? <span class={`grade ${health.grade}`}>{t(`health.${health.grade}`)}</span> : UNKNOWN}
        </Figure>
        <Figure name={t("health.bitrate")}>{health ? `${(health.kbps / 1000).toFixed(1)} Mbps` : UNKNOWN}</Figure>
        <Figure name={t("health.picture")}>{health ? pictureText(health) : UNKNOWN}</Figure>
        <Figure name={t("health.network")}>{health ? networkText(health) : UNKNOWN}</Figure>
        {server?.viewers?.whep !== undefined && <Figure name={t("health.viewers")}>{viewersText(server.viewers)}</Figure>}
      </dl>
      {health && <Limits health={health} />}
      {server?.video?.codec?.toUpperCase() === "VP8" && (
        <Notice tone="wait" icon="warn">
          {t("health.vp8")}
        </Notice>
      )}
    </>
  );
}

function pictureText({ width, height, fps }: Health): string {
  return width > 0 ? `${width}×${height} · ${Math.round(fps)} fps` : UNKNOWN;
}

function networkText({ rttMs, loss }: Health): string {
  return rttMs === null ? UNKNOWN : `${Math.round(rttMs)} ms · ${(loss * 100).toFixed(1)}%`;
}

function viewersText({ whep = 0, hls = 0 }: NonNullable<PublisherHealth["viewers"]>): string {
  return `${whep} WHEP · ${hls} HLS`;
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

function useServerSide(room: Room): PublisherHealth | null {
  const [health, setHealth] = useState<PublisherHealth | null>(null);
  useEffect(() => {
    const ask = () => {
      publisherHealth(room.id, room.token).then(setHealth, () => setHealth(null));
    };
    ask();
    const timer = setInterval(ask, ASK_MS);
    return () => clearInterval(timer);
  }, [room]);
  return health;
}
