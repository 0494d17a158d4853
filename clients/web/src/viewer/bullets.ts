/** Comments that fly over the picture. */
import Danmaku from "danmaku";

import { commentOf, type Color, type LiveEvent } from "../live/wire";

const COLORS: Record<Color, string> = {
  white: "#ffffff",
  red: "#ff7a6b",
  orange: "#ffb066",
  yellow: "#ffe066",
  green: "#8be8a4",
  cyan: "#7fe9f5",
  blue: "#9fc0ff",
  purple: "#d6b1ff",
  pink: "#ffabd3",
};
const MODES = { scroll: "rtl", top: "top", bottom: "bottom" } as const;

/** More at once can't be read, and costs frames on a phone. */
const A_SECOND_MAX = 14;

export class Bullets {
  private readonly stage: Danmaku;
  private readonly resized: ResizeObserver;
  private second = 0;
  private flown = 0;

  constructor(container: HTMLElement) {
    this.stage = new Danmaku({ container, engine: "dom", speed: 110 });
    this.resized = new ResizeObserver(() => {
      this.stage.resize();
      this.stage.speed = Math.max(90, container.clientWidth / 7);
    });
    this.resized.observe(container);
  }

  /** The viewer's own comment always flies, marked by a frame. */
  fly(event: LiveEvent, own: boolean): void {
    if (document.hidden) return;
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.second) [this.second, this.flown] = [second, 0];
    if (this.flown++ >= A_SECOND_MAX && !own) return;
    const { text, color = "white", lane = "scroll" } = commentOf(event);
    this.stage.emit({
      text,
      mode: MODES[lane],
      style: {
        color: COLORS[color],
        font: "600 19px/1.5 ui-sans-serif, system-ui, 'PingFang SC', 'Noto Sans CJK SC', sans-serif",
        textShadow: "0 0 3px rgb(0 0 0 / 75%), 0 1px 2px rgb(0 0 0 / 60%)",
        padding: "0 8px",
        whiteSpace: "pre",
        ...(own ? { border: "1px solid rgb(255 255 255 / 65%)", borderRadius: "8px" } : {}),
      },
    });
  }

  clear(): void {
    this.stage.clear();
  }

  destroy(): void {
    this.resized.disconnect();
    this.stage.destroy();
  }
}
