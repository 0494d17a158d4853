/** Short messages that go away by themselves; read out politely. */
import { signal } from "@preact/signals";

import { errorText } from "../i18n/errors";

interface Toast {
  id: number;
  text: string;
  bad: boolean;
}

const SHOWN_MAX = 3;
const shown = signal<readonly Toast[]>([]);
let next = 1;

export function toast(text: string, bad = false): void {
  const id = next++;
  shown.value = [...shown.value, { id, text, bad }].slice(-SHOWN_MAX);
  setTimeout(() => (shown.value = shown.value.filter((each) => each.id !== id)), bad ? 5_000 : 3_000);
}

export function toastError(thrown: unknown): void {
  toast(errorText(thrown), true);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite" data-testid="toasts">
      {shown.value.map(({ id, text, bad }) => (
        <div key={id} class={`toast${bad ? " bad" : ""}`}>
          {text}
        </div>
      ))}
    </div>
  );
}
