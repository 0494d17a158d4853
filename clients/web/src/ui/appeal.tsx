/** Asking for a sanction to be lifted, and what came of it. */
import { useEffect, useState } from "preact/hooks";

import { errorText } from "../i18n/errors";
import { t } from "../i18n";
import { appeal as sendAppeal, ownAppeals } from "../live/api";
import { newKey } from "../live/connection";
import type { Room } from "../live/room";
import { Notice } from "./basics";
import { useTask } from "./hooks";
import "./review.css";
import { Sheet } from "./sheet";

/** `sanction` is its id. It goes by HTTP: who is banned isn't in the room. */
export function Appeal({ room, sanction }: { room: Room; sanction: string }) {
  const known = room.you.appeals.value[sanction];
  const [writing, setWriting] = useState(false);
  const [text, setText] = useState("");
  const [key] = useState(newKey);
  const task = useTask();
  useEffect(() => {
    if (room.entered.peek() || !room.token) return;
    ownAppeals(room.token).then(
      ({ items }) => items.forEach((each) => room.you.addAppeal(each)),
      () => undefined, // it can be written; whether there is one already, the answer says
    );
  }, [room, sanction]);
  if (known) return <Answer state={known.state} decision={known.decision} reason={known.reason} />;
  const send = async () => {
    const sent = await task.run(async () => room.you.addAppeal((await sendAppeal(room.id, { sanction, text, key }, room.token)).appeal));
    if (sent) setWriting(false);
  };
  return (
    <>
      <button class="button little outline appeal-open" onClick={() => setWriting(true)} data-testid="appeal-open">
        {t("appeal.open")}
      </button>
      {writing && (
        <Sheet title={t("appeal.title")} onClose={() => setWriting(false)} data-testid="appeal-sheet">
          <form
            class="stack"
            onSubmit={(event) => {
              event.preventDefault();
              void send();
            }}
          >
            <label class="field">
              <span class="label">{t("appeal.text")}</span>
              <textarea class="input" rows={4} maxLength={500} required value={text} onInput={(event) => setText(event.currentTarget.value)} data-testid="appeal-text" />
              <span class="hint">{t("appeal.hint")}</span>
            </label>
            {task.refusal && <Notice tone="bad" icon="warn">{errorText(task.refusal)}</Notice>}
            <button class="button primary wide" disabled={task.busy || text.trim() === ""} data-testid="appeal-send">
              {t("appeal.send")}
            </button>
          </form>
        </Sheet>
      )}
    </>
  );
}

function Answer({ state, decision, reason }: { state: string; decision: string | null; reason: string }) {
  const said = state === "open" ? "appeal.sent" : decision === "grant" ? "appeal.granted" : decision === "refuse" ? "appeal.refused" : "appeal.expired";
  return (
    <p class="small appeal-state" data-testid="appeal-state" data-state={state === "open" ? "open" : decision}>
      <strong>{t(said)}</strong>
      {reason && <span> {t("mute.reason.is", { reason })}</span>}
    </p>
  );
}
