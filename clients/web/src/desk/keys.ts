/** What each key does on the desk. */
import type { Key } from "../i18n";

export type DeskAction =
  | "next"
  | "previous"
  | "delete"
  | "mask"
  | "purge"
  | "shield"
  | "mute"
  | "mute60"
  | "mute600"
  | "mute3600"
  | "mute86400"
  | "unmute"
  | "pause"
  | "queue"
  | "help"
  | "leave";

export const KEYS: readonly { keys: readonly string[]; action: DeskAction; label: Key }[] = [
  { keys: ["j", "ArrowDown"], action: "next", label: "key.next" },
  { keys: ["k", "ArrowUp"], action: "previous", label: "key.previous" },
  { keys: ["d", "Delete"], action: "delete", label: "key.delete" },
  { keys: ["x"], action: "mask", label: "key.mask" },
  { keys: ["D"], action: "purge", label: "key.purge" },
  { keys: ["S"], action: "shield", label: "key.shield" },
  { keys: ["1"], action: "mute60", label: "key.mute60" },
  { keys: ["2"], action: "mute600", label: "key.mute600" },
  { keys: ["3"], action: "mute3600", label: "key.mute3600" },
  { keys: ["4"], action: "mute86400", label: "key.mute86400" },
  { keys: ["m"], action: "mute", label: "key.mute" },
  { keys: ["u"], action: "unmute", label: "key.unmute" },
  { keys: [" ", "p"], action: "pause", label: "key.pause" },
  { keys: ["q"], action: "queue", label: "key.queue" },
  { keys: ["?"], action: "help", label: "key.help" },
  { keys: ["Escape"], action: "leave", label: "key.leave" },
];

/** The action of a key press; null while somebody is typing or a dialog is open. */
export function actionOf(event: KeyboardEvent): DeskAction | null {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const { target } = event;
  if (target instanceof HTMLElement) {
    if (target.closest("input, textarea, select, dialog, [role=tablist]")) return null;
    // Space and Enter press the button that has the focus.
    if (event.key === " " && target.closest("button, a")) return null;
  }
  return KEYS.find(({ keys }) => keys.includes(event.key))?.action ?? null;
}
