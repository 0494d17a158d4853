/** A countdown in step with the server's clock. A screen reader can read it, and isn't told every second. */
import { clockTime } from "../i18n/format";
import { useCountdown } from "./hooks";

export function Countdown({ untilMs, now, class: extra = "", ...rest }: {
  untilMs: number;
  now: () => number;
  class?: string;
  "data-testid"?: string;
}) {
  const left = useCountdown(untilMs, now) ?? 0;
  return (
    <span class={`countdown numbers ${extra}`} role="timer" data-until={untilMs} {...rest}>
      {clockTime(left * 1000)}
    </span>
  );
}
