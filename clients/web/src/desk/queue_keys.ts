/** What each key does while the queue has the keyboard. */
import type { Key } from "../i18n";
import type { Decision, ReviewItem } from "../live/review_wire";
import type { QueueDesk } from "./queue";

export type QueueAction = "next" | "previous" | "claim" | "approve" | "refuse" | "grant" | "fresh" | "leave";

export const QUEUE_KEYS: readonly { keys: readonly string[]; action: QueueAction; label: Key }[] = [
  { keys: ["j", "ArrowDown"], action: "next", label: "key.queue.next" },
  { keys: ["k", "ArrowUp"], action: "previous", label: "key.queue.previous" },
  { keys: ["c"], action: "claim", label: "key.queue.claim" },
  { keys: ["a"], action: "approve", label: "key.queue.approve" },
  { keys: ["r"], action: "refuse", label: "key.queue.refuse" },
  { keys: ["g"], action: "grant", label: "key.queue.grant" },
  { keys: ["n"], action: "fresh", label: "key.queue.fresh" },
  { keys: ["Escape", "q"], action: "leave", label: "key.queue.leave" },
];

/** What lets somebody off, and what doesn't, of each kind. */
export const DECISIONS: Readonly<Record<ReviewItem["kind"], readonly [Decision, Decision]>> = {
  held: ["release", "refuse"],
  report: ["dismiss", "uphold"],
  appeal: ["grant", "refuse"],
  picture: ["dismiss", "uphold"],
  sound: ["dismiss", "uphold"],
};

/** The action of a key press; null while somebody is typing or a dialog is open. */
export function queueActionOf(event: KeyboardEvent): QueueAction | null {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const { target } = event;
  if (target instanceof HTMLElement && target.closest("input, textarea, select, dialog, [role=tablist]")) return null;
  return QUEUE_KEYS.find(({ keys }) => keys.includes(event.key))?.action ?? null;
}

export function carryOut(queue: QueueDesk, action: QueueAction): void {
  const item = queue.current.peek();
  const decide = (which: 0 | 1) => {
    const decision = item && DECISIONS[item.kind][which];
    if (item?.state === "open" && decision) void queue.decide(item, decision);
  };
  const acts: Record<QueueAction, () => void> = {
    next: () => queue.step(1),
    previous: () => queue.step(-1),
    claim: () => queue.toggle(),
    // Lifting a sanction has a key of its own: letting a comment through by habit must not do that.
    approve: () => {
      if (item?.kind !== "appeal") decide(0);
    },
    refuse: () => decide(1),
    grant: () => {
      if (item?.kind === "appeal") decide(0);
    },
    fresh: () => queue.refresh(),
    leave: () => queue.leave(),
  };
  acts[action]();
}
