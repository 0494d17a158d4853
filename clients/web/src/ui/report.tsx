/** Telling the moderators of a comment. */
import { useState } from "preact/hooks";

import { errorText } from "../i18n/errors";
import { t } from "../i18n";
import { WHYS, type Why } from "../live/review_wire";
import type { Room } from "../live/room";
import { commentOf, type LiveEvent } from "../live/wire";
import { Notice } from "./basics";
import { useTask } from "./hooks";
import "./review.css";
import { Sheet } from "./sheet";
import { toast } from "./toasts";

export function ReportSheet({ room, event, onClose }: { room: Room; event: LiveEvent; onClose: () => void }) {
  const [why, setWhy] = useState<Why>("spam");
  const [text, setText] = useState("");
  const task = useTask();
  const send = async () => {
    const said = text.trim();
    const done = await task.run(() => room.send("report", { event: event.id, why, ...(said ? { text: said } : {}) }));
    if (!done) return;
    toast(t("report.done"));
    onClose();
  };
  return (
    <Sheet title={t("report.title")} onClose={onClose} data-testid="report-sheet">
      <form
        class="stack"
        onSubmit={(submit) => {
          submit.preventDefault();
          void send();
        }}
      >
        <blockquote class="reported">
          <strong>{event.user?.name}</strong> {commentOf(event).text}
        </blockquote>
        <fieldset class="whys">
          <legend class="label">{t("report.why")}</legend>
          {WHYS.map((each) => (
            <label key={each} class="why">
              <input type="radio" name="why" value={each} checked={each === why} onChange={() => setWhy(each)} />
              {t(`why.${each}`)}
            </label>
          ))}
        </fieldset>
        <label class="field">
          <span class="label">{t("report.text")}</span>
          <input class="input" value={text} maxLength={200} onInput={(input) => setText(input.currentTarget.value)} data-testid="report-text" />
        </label>
        {task.refusal && <Notice tone="bad" icon="warn">{errorText(task.refusal)}</Notice>}
        <button class="button primary wide" disabled={task.busy} data-testid="report-send">
          {t("report.send")}
        </button>
      </form>
    </Sheet>
  );
}
