/** That this tab is live: kept over a reload, so that the stream goes on. */
import type { Wish } from "../media/capture";

export interface Intent {
  sinceMs: number;
  wish: Wish;
}

const key = (room: string) => `danmart.live.${room}`;

export function remember(room: string, intent: Intent): void {
  sessionStorage.setItem(key(room), JSON.stringify(intent));
}

export function forget(room: string): void {
  sessionStorage.removeItem(key(room));
}

export function recall(room: string): Intent | null {
  const stored = sessionStorage.getItem(key(room));
  if (stored === null) return null;
  try {
    return JSON.parse(stored) as Intent;
  } catch {
    return null;
  }
}
