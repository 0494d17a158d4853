/** The keys that players have: space and k, arrows, j and l, digits, m, f. */
import { useEffect } from "preact/hooks";

import type { Vod } from "./vod";

const STEP_MS = 5_000;
const LONG_STEP_MS = 10_000;

export function useKeys(vod: Vod, durationMs: number): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTaken(event.target, event.key)) return;
      if (run(vod, durationMs, event.key)) event.preventDefault();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [vod, durationMs]);
}

/** Whether whatever has the focus does something with the key itself. */
function isTaken(target: EventTarget | null, key: string): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (document.querySelector("dialog[open]")) return true;
  if (target.matches("select, textarea, input:not([type=range])")) return true;
  // The bar goes in the steps that the page's own keys have, not in its own of a millisecond.
  if (target.closest(".seek")) return false;
  if (target.matches("input[type=range], [role=log]")) return key.startsWith("Arrow") || key === " ";
  return target.matches("button, a, summary") && key === " ";
}

function run(vod: Vod, durationMs: number, key: string): boolean {
  const at = vod.timeMs.peek();
  if (/^\d$/.test(key)) vod.seek((durationMs * Number(key)) / 10);
  else if (key === " " || key === "k") vod.toggle();
  else if (key === "ArrowLeft") vod.seek(at - STEP_MS);
  else if (key === "ArrowRight") vod.seek(at + STEP_MS);
  else if (key === "j") vod.seek(at - LONG_STEP_MS);
  else if (key === "l") vod.seek(at + LONG_STEP_MS);
  else if (key === "ArrowUp") vod.setVolume(vod.volume.peek() + 0.1);
  else if (key === "ArrowDown") vod.setVolume(vod.volume.peek() - 0.1);
  else if (key === "m") vod.setMuted(!vod.muted.peek());
  else if (key === "f") {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void document.documentElement.requestFullscreen();
  } else return false;
  return true;
}
