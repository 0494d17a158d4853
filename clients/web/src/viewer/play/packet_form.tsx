/** A sheet to send a red packet from. */
import { useState } from "preact/hooks";

import { errorText } from "../../i18n/errors";
import { span } from "../../i18n/format";
import { t } from "../../i18n";
import { EMPTY_PACKET, OPEN_S, packetOfDraft, type PacketDraft } from "../../live/packet_draft";
import type { Room } from "../../live/room";
import { Notice, Spinner } from "../../ui/basics";
import { WalletChip } from "../../ui/coins";
import { useTask } from "../../ui/hooks";
import { Sheet } from "../../ui/sheet";
import { toast } from "../../ui/toasts";
import "./packet.css";

/** `onWallet`: where there is a wallet to be looked into; what is in it is shown then. */
export function PacketForm({ room, onWallet, onClose }: { room: Room; onWallet?: () => void; onClose: () => void }) {
  const [draft, setDraft] = useState(EMPTY_PACKET);
  const task = useTask();
  const terms = packetOfDraft(draft);
  const wrong = typeof terms === "string" ? terms : null;
  const change = (some: Partial<PacketDraft>) => setDraft({ ...draft, ...some });
  const submit = async () => {
    if (typeof terms === "string" || !(await task.run(() => room.send("packet.send", terms)))) return;
    toast(t("packet.sent"));
    onClose();
  };
  return (
    <Sheet title={t("packet.send")} onClose={onClose} data-testid="packet-form">
      {onWallet && (
        <div class="line">
          <WalletChip room={room} onOpen={onWallet} />
        </div>
      )}
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <div class="packet-pair">
          <Field label={t("packet.coins.label")} value={draft.coins} numeric max={8} onChange={(coins) => change({ coins })} testId="packet-coins" />
          <Field label={t("packet.count.label")} value={draft.count} numeric max={4} onChange={(count) => change({ count })} testId="packet-count" />
        </div>
        <Choice label={t("packet.split")} name="split" choices={{ random: t("packet.split.random"), equal: t("packet.split.equal") }} value={draft.split} onChange={(split) => change({ split })} />
        <Choice label={t("packet.who_may")} name="who" choices={{ all: t("packet.who.all"), followers: t("packet.who.followers") }} value={draft.who} onChange={(who) => change({ who })} />
        <label class="field">
          <span class="label">{t("packet.seconds")}</span>
          <select class="input" value={draft.seconds} onChange={(event) => change({ seconds: Number(event.currentTarget.value) })} data-testid="packet-seconds">
            {OPEN_S.map((seconds) => (
              <option key={seconds} value={seconds}>
                {span(seconds * 1000)}
              </option>
            ))}
          </select>
        </label>
        <Field label={t("packet.greeting")} value={draft.greeting} max={40} onChange={(greeting) => change({ greeting })} testId="packet-greeting" />
        <p class="small quiet">{wrong ? t(`packet.bad.${wrong}`) : t("packet.back")}</p>
        {task.refusal && (
          <Notice tone="bad" icon="warn" data-testid="packet-form-error">
            {errorText(task.refusal)}
          </Notice>
        )}
        <button class="button primary wide" disabled={wrong !== null || task.busy} data-testid="packet-send">
          {task.busy && <Spinner />}
          {t("packet.send")}
        </button>
      </form>
    </Sheet>
  );
}

interface FieldProps {
  label: string;
  value: string;
  max: number;
  numeric?: boolean;
  onChange: (value: string) => void;
  testId: string;
}

function Field({ label, value, max, numeric = false, onChange, testId }: FieldProps) {
  return (
    <label class="field">
      <span class="label">{label}</span>
      <input
        class="input"
        value={value}
        maxLength={max}
        inputMode={numeric ? "numeric" : "text"}
        onInput={(event) => onChange(event.currentTarget.value)}
        data-testid={testId}
      />
    </label>
  );
}

interface ChoiceProps<V extends string> {
  label: string;
  name: string;
  choices: Record<V, string>;
  value: V;
  onChange: (value: V) => void;
}

function Choice<V extends string>({ label, name, choices, value, onChange }: ChoiceProps<V>) {
  return (
    <div class="packet-pair" role="radiogroup" aria-label={label}>
      {(Object.keys(choices) as V[]).map((each) => (
        <button
          key={each}
          type="button"
          role="radio"
          aria-checked={value === each}
          class={`button outline${value === each ? " packet-chosen" : ""}`}
          onClick={() => onChange(each)}
          data-testid={`packet-${name}-${each}`}
        >
          {choices[each]}
        </button>
      ))}
    </div>
  );
}
