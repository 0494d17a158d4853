/** Play, seek, volume, speed, full screen, and the ways to chapters, goods and sharing. */
import type { Signal } from "@preact/signals";
import { useRef, useState } from "preact/hooks";

import { clockTime } from "../i18n/format";
import { t } from "../i18n";
import type { Room } from "../live/room";
import { IconButton } from "../ui/basics";
import { Icon } from "../ui/icon";
import type { Open } from "./sheets";
import { RATES, type Vod } from "./vod";
import type { Chapter, Recording } from "./wire";

interface ControlsProps {
  card: Recording;
  chapters: readonly Chapter[];
  vod: Vod;
  today: Room;
  open: Signal<Open>;
  wide: boolean;
}

export function Controls({ card, chapters, vod, today, open, wide }: ControlsProps) {
  const playing = vod.playing.value;
  const products = today.state.value.products.length;
  return (
    <div class="replay-controls" role="group" aria-label={t("replay.controls")}>
      <SeekBar durationMs={card.duration_ms} chapters={chapters} vod={vod} />
      <div class="replay-row">
        <IconButton
          icon={playing ? "pause" : "play"}
          label={playing ? t("replay.pause") : t("replay.play")}
          filled={!playing}
          onClick={() => vod.toggle()}
          data-testid="toggle-play"
        />
        <Times vod={vod} durationMs={card.duration_ms} />
        <span class="push" />
        {wide && <Volume vod={vod} />}
        {!wide && (
          <IconButton
            icon={vod.muted.value ? "soundOff" : "soundOn"}
            label={vod.muted.value ? t("sound.on") : t("sound.off")}
            onClick={() => vod.setMuted(!vod.muted.peek())}
          />
        )}
        <Speed vod={vod} />
        {chapters.length > 0 && (
          <IconButton icon="list" label={t("replay.chapters")} onClick={() => (open.value = { sheet: "chapters" })} data-testid="chapters-button" />
        )}
        <button class="icon-button replay-bag" onClick={() => (open.value = { sheet: "shelf" })} aria-label={products > 0 ? `${t("shelf.title")}: ${products}` : t("shelf.title")} title={t("shelf.title")} data-testid="shelf-button">
          <Icon name="bag" />
          {products > 0 && <span class="round-count numbers">{products}</span>}
        </button>
        <IconButton icon="share" label={t("share")} onClick={() => (open.value = { sheet: "share" })} data-testid="share-button" />
        {document.fullscreenEnabled && <FullScreen />}
      </div>
    </div>
  );
}

function Times({ vod, durationMs }: { vod: Vod; durationMs: number }) {
  return (
    <span class="replay-times numbers" data-testid="replay-time" data-value={Math.round(vod.timeMs.value)}>
      {clockTime(Math.floor(vod.timeMs.value / 1000) * 1000)} <span class="replay-whole">/ {clockTime(durationMs)}</span>
    </span>
  );
}

/** A slider with the chapters on it; beside the pointer stands what is there. */
function SeekBar({ durationMs, chapters, vod }: { durationMs: number; chapters: readonly Chapter[]; vod: Vod }) {
  const bar = useRef<HTMLDivElement>(null);
  const [over, setOver] = useState<number | null>(null);
  const at = Math.min(vod.timeMs.value, durationMs);
  const whole = Math.max(1, durationMs);
  const percent = (ms: number) => `${((100 * Math.min(ms, whole)) / whole).toFixed(3)}%`;
  const point = (event: PointerEvent) => {
    const box = bar.current?.getBoundingClientRect();
    if (box && event.pointerType === "mouse") setOver(Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * whole);
  };
  const title = chapterAt(chapters, at)?.title;
  return (
    <div class="seek" ref={bar} onPointerMove={point} onPointerLeave={() => setOver(null)}>
      <div class="seek-track" aria-hidden="true">
        <i class="seek-loaded" style={{ width: percent(vod.bufferedMs.value) }} />
        {chapters.map((chapter) => (
          <i key={chapter.from_ms} class="seek-chapter" style={{ left: percent(chapter.from_ms), width: percent(chapter.to_ms - chapter.from_ms) }} data-testid="chapter-mark" />
        ))}
        <i class="seek-done" style={{ width: percent(at) }} />
      </div>
      <input
        type="range"
        min={0}
        max={Math.round(durationMs)}
        step={1}
        value={Math.round(at)}
        aria-label={t("replay.seek")}
        aria-valuetext={title ? `${clockTime(at)}, ${title}` : clockTime(at)}
        onInput={(event) => vod.seek(Number(event.currentTarget.value))}
        data-testid="seek"
      />
      {over !== null && (
        <output class="seek-tip numbers" style={{ "--at": percent(over) }} aria-hidden="true">
          <strong>{clockTime(over)}</strong> {chapterAt(chapters, over)?.title}
        </output>
      )}
    </div>
  );
}

export function chapterAt(chapters: readonly Chapter[], ms: number): Chapter | undefined {
  return chapters.find(({ from_ms, to_ms }) => from_ms <= ms && ms < to_ms);
}

function Volume({ vod }: { vod: Vod }) {
  const silent = vod.muted.value;
  return (
    <span class="replay-volume">
      <IconButton icon={silent ? "soundOff" : "soundOn"} label={silent ? t("sound.on") : t("sound.off")} onClick={() => vod.setMuted(!silent)} data-testid="sound-toggle" />
      <input
        type="range"
        min={0}
        max={100}
        value={silent ? 0 : Math.round(vod.volume.value * 100)}
        aria-label={t("replay.volume")}
        onInput={(event) => vod.setVolume(Number(event.currentTarget.value) / 100)}
      />
    </span>
  );
}

function Speed({ vod }: { vod: Vod }) {
  return (
    <select
      class="replay-speed numbers"
      aria-label={t("replay.speed")}
      value={String(vod.rate.value)}
      onChange={(event) => vod.setRate(Number(event.currentTarget.value))}
      data-testid="speed"
    >
      {RATES.map((rate) => (
        <option key={rate} value={String(rate)}>
          {rate}×
        </option>
      ))}
    </select>
  );
}

function FullScreen() {
  const toggle = () => {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void document.documentElement.requestFullscreen();
  };
  return <IconButton icon="expand" label={t("replay.fullscreen")} onClick={toggle} data-testid="fullscreen" />;
}
