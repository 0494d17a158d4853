/** Acting on somebody: mute, ban, shadow-mute or warn, for how long and why. Used by the studio and the desk. */
import { useState } from "preact/hooks";

import { errorText } from "../i18n/errors";
import { t, type Key } from "../i18n";
import type { Room } from "../live/room";
import type { SanctionKind } from "../live/sanction_wire";
import type { Action, Person } from "../live/wire";
import { Notice } from "./basics";
import { useTask } from "./hooks";
import { Sheet } from "./sheet";
import "./sanctions.css";
import { toast } from "./toasts";

export const DURATIONS: readonly { seconds: number | null; label: Key }[] = [
  { seconds: 10, label: "mute.for.10seconds" },
  { seconds: 60, label: "mute.for.minute" },
  { seconds: 600, label: "mute.for.10minutes" },
  { seconds: 3_600, label: "mute.for.hour" },
  { seconds: 86_400, label: "mute.for.day" },
  { seconds: 604_800, label: "mute.for.week" },
  { seconds: null, label: "mute.for.open" },
];

export const REASONS: readonly Key[] = ["reason.spam", "reason.abuse", "reason.scam", "reason.other"];

const LONG_MUTE_S = 86_400;
export const NEEDS: Record<SanctionKind, Action> = {
  mute: "mute",
  ban: "ban",
  shadow: "shadow",
  warn: "warn",
  watch: "note_user",
  restrict: "note_user",
};
const KINDS: readonly SanctionKind[] = ["warn", "mute", "ban", "watch", "restrict", "shadow"];
const HINT: Record<SanctionKind, Key> = {
  mute: "mute.why.hint",
  ban: "sanction.why.hint.ban",
  shadow: "sanction.why.hint.shadow",
  warn: "sanction.why.hint.warn",
  watch: "sanction.why.hint.shadow",
  restrict: "sanction.why.hint.shadow",
};

export async function muteNow(room: Room, user: Person, seconds: number | null, reason: string): Promise<void> {
  await give(room, user, { kind: "mute", seconds, reason, everywhere: false });
}

interface Wanted {
  kind: SanctionKind;
  seconds: number | null;
  reason: string;
  everywhere: boolean;
}

async function give(room: Room, user: Person, { kind, seconds, reason, everywhere }: Wanted): Promise<void> {
  const target = { user: user.id, reason };
  const scope = everywhere ? { everywhere } : {};
  if (kind === "warn") await room.send("moderate.warn", target);
  else if (kind === "shadow" || kind === "watch" || kind === "restrict") await room.send(`moderate.${kind}`, { ...target, seconds });
  else await room.send(`moderate.${kind}`, { ...target, seconds, ...scope });
  toast(t(`sanction.done.${kind}`, { name: user.name }));
}

export function MuteSheet({ room, user, onClose }: { room: Room; user: Person; onClose: () => void }) {
  const [kind, setKind] = useState<SanctionKind>("mute");
  const [seconds, setSeconds] = useState<number | null>(600);
  const [reason, setReason] = useState(() => t("reason.spam"));
  const [wide, setWide] = useState(false);
  const task = useTask();
  const everywhere = wide && (kind === "mute" || kind === "ban");
  const act = async () => {
    if (await task.run(() => give(room, user, { kind, seconds, reason: reason.trim(), everywhere }))) onClose();
  };
  return (
    <Sheet title={t("sanction.title", { name: user.name })} onClose={onClose} data-testid="mute-sheet">
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void act();
        }}
      >
        <Kinds room={room} kind={kind} onKind={setKind} />
        {kind !== "warn" && <Length room={room} kind={kind} seconds={seconds} onSeconds={setSeconds} />}
        <Reason kind={kind} reason={reason} onReason={setReason} />
        {room.can("sanction_everywhere") && (kind === "mute" || kind === "ban") && (
          <label class="check-field">
            <input
              type="checkbox"
              checked={wide}
              onChange={(event) => setWide(event.currentTarget.checked)}
              data-testid="sanction-everywhere"
            />
            <span>{t("sanction.everywhere")}</span>
            <span class="hint">{t("sanction.everywhere.hint")}</span>
          </label>
        )}
        {task.refusal && <Notice tone="bad" icon="warn">{errorText(task.refusal)}</Notice>}
        <button
          class={`button wide ${kind === "ban" ? "danger" : "primary"}`}
          disabled={task.busy || reason.trim() === ""}
          data-testid="mute-confirm"
        >
          {t(`sanction.${kind}`)}
        </button>
      </form>
    </Sheet>
  );
}

function Kinds({ room, kind, onKind }: { room: Room; kind: SanctionKind; onKind: (kind: SanctionKind) => void }) {
  return (
    <div class="field">
      <div class="sanction-kinds" role="group" aria-label={t("sanction.kinds")}>
        {KINDS.filter((each) => room.can(NEEDS[each])).map((each) => (
          <button
            key={each}
            type="button"
            class={`button little ${each === kind ? "primary" : "outline"}`}
            aria-pressed={each === kind}
            onClick={() => onKind(each)}
            data-testid={`sanction-kind-${each}`}
          >
            {t(`sanction.${each}`)}
          </button>
        ))}
      </div>
      <span class="hint" aria-live="polite" data-testid="sanction-effect">
        {t(`sanction.${kind}.effect`)}
      </span>
    </div>
  );
}

function Length({ room, kind, seconds, onSeconds }: {
  room: Room;
  kind: SanctionKind;
  seconds: number | null;
  onSeconds: (seconds: number | null) => void;
}) {
  const long = kind !== "mute" || room.can("mute_long");
  const offered = DURATIONS.filter((each) => long || (each.seconds !== null && each.seconds <= LONG_MUTE_S));
  return (
    <div class="field" role="group" aria-label={t("mute.how_long")}>
      <span class="label">{t("mute.how_long")}</span>
      <div class="style-row">
        {offered.map((each) => (
          <button
            key={each.label}
            type="button"
            class={`button little ${each.seconds === seconds ? "primary" : "outline"}`}
            aria-pressed={each.seconds === seconds}
            onClick={() => onSeconds(each.seconds)}
            data-testid={`mute-for-${each.seconds ?? "open"}`}
          >
            {t(each.label)}
          </button>
        ))}
      </div>
    </div>
  );
}

function Reason({ kind, reason, onReason }: { kind: SanctionKind; reason: string; onReason: (reason: string) => void }) {
  return (
    <label class="field">
      <span class="label">{t("mute.why")}</span>
      <input
        class="input"
        value={reason}
        maxLength={200}
        required
        list="mute-reasons"
        onInput={(event) => onReason(event.currentTarget.value)}
        data-testid="mute-reason-input"
      />
      <datalist id="mute-reasons">
        {REASONS.map((key) => (
          <option key={key} value={t(key)} />
        ))}
      </datalist>
      <span class="hint">{t(HINT[kind])}</span>
    </label>
  );
}
