/** What the camera sees, mirrored as the host is used to, with the sound's level; or what is in the way. */
import { useEffect, useRef, useState } from "preact/hooks";

import { t } from "../i18n";
import { watchLevel } from "../media/level";
import { Spinner } from "../ui/basics";
import { Icon } from "../ui/icon";
import type { Broadcast } from "./broadcast";

export function Preview({ broadcast }: { broadcast: Broadcast }) {
  const video = useRef<HTMLVideoElement>(null);
  const stream = broadcast.stream.value;
  const { source, orientation } = broadcast.wish.value;
  const trouble = broadcast.trouble.value;
  useEffect(() => {
    if (video.current) video.current.srcObject = stream;
  }, [stream]);
  return (
    <div class={`preview ${orientation}`} data-testid="preview">
      <video
        ref={video}
        class={source === "camera" ? "mirrored" : ""}
        autoPlay
        playsInline
        muted
        data-testid="preview-video"
      />
      {stream && <LevelMeter stream={stream} />}
      {!trouble && !stream && (
        <div class="preview-note">{broadcast.opening.value ? <Spinner /> : <Icon name="camera" size={34} />}</div>
      )}
      {trouble && <Advice broadcast={broadcast} />}
      {broadcast.needsScreen.value && (
        <div class="preview-note" role="alert">
          <Icon name="screen" size={34} />
          <strong>{t("resume.screen")}</strong>
          <button class="button primary" onClick={() => void broadcast.resumeScreen()} data-testid="resume-screen">
            {t("resume.screen.action")}
          </button>
          <button class="button little" onClick={() => broadcast.giveUpResume()}>
            {t("resume.camera")}
          </button>
        </div>
      )}
    </div>
  );
}

function Advice({ broadcast }: { broadcast: Broadcast }) {
  const trouble = broadcast.trouble.value ?? "other";
  return (
    <div class="preview-note" role="alert" data-testid="camera-advice" data-trouble={trouble}>
      <Icon name="warn" size={34} />
      <strong>{t(`capture.${trouble}.title`)}</strong>
      <span>{t(`capture.${trouble}`)}</span>
      <button
        class="button primary"
        disabled={broadcast.opening.value}
        onClick={() => void broadcast.open()}
        data-testid="capture-retry"
      >
        {t("capture.again")}
      </button>
      {trouble === "cancelled" && (
        <button class="button little" onClick={() => void broadcast.choose({ source: "camera" })}>
          {t("resume.camera")}
        </button>
      )}
    </div>
  );
}

const SEGMENTS = 14;

function LevelMeter({ stream }: { stream: MediaStream }) {
  const [level, setLevel] = useState(0);
  useEffect(() => watchLevel(stream, setLevel), [stream]);
  const lit = Math.round(level * SEGMENTS);
  const silent = stream.getAudioTracks().length === 0;
  return (
    <div
      class="meter"
      role="meter"
      aria-label={t("level.label")}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(level * 100)}
      data-testid="level-meter"
    >
      <Icon name={silent ? "soundOff" : "mic"} size={16} />
      {Array.from({ length: SEGMENTS }, (_, i) => (
        <i key={i} class={i < lit ? (i >= SEGMENTS - 2 ? "on hot" : "on") : ""} />
      ))}
    </div>
  );
}
