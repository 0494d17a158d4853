/** How this viewer likes the picture; kept in the browser. */
import { effect, signal } from "@preact/signals";

interface Stored {
  bullets: boolean;
  opacity: number;
}

const STORED = "danmart.view";

function stored(): Stored {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const initial: Stored = { bullets: !calm, opacity: 0.9 };
  try {
    return { ...initial, ...(JSON.parse(localStorage.getItem(STORED) ?? "{}") as Partial<Stored>) };
  } catch {
    return initial;
  }
}

const initial = stored();
export const bulletsOn = signal(initial.bullets);
export const bulletOpacity = signal(initial.opacity);

effect(() => {
  localStorage.setItem(STORED, JSON.stringify({ bullets: bulletsOn.value, opacity: bulletOpacity.value }));
});
