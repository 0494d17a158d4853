/** A word list under edit. What is wrong with it is said at its line, and nothing changes until it is right. */
import { useRef, useState } from "preact/hooks";

import { t } from "../../i18n";
import { errorText } from "../../i18n/errors";
import type { Refusal } from "../../live/errors";
import { putList, type Form, type Place, type WordList } from "../../live/rulebook";
import { Notice } from "../../ui/basics";
import { useTask } from "../../ui/hooks";
import { Sheet } from "../../ui/sheet";
import { draftOf, type Draft } from "./draft";

interface Fault {
  line: number | null;
  message: string;
}

const NAME = /^[a-z0-9_]{1,32}$/;

export function ListEditor({ place, draft, onClose, onSaved }: {
  place: Place;
  draft: Draft;
  onClose: () => void;
  onSaved: (list: WordList) => void;
}) {
  const [name, setName] = useState(draft.name);
  const [form, setForm] = useState<Form>(draft.form);
  const [text, setText] = useState(draft.text);
  const area = useRef<HTMLTextAreaElement>(null);
  const task = useTask();
  const fresh = draft.version === 0;
  const take = async (file: File | undefined) => {
    if (!file) return;
    const found = draftOf(file.name, await file.text());
    if (fresh && name === "") setName(found.name);
    setForm(found.form);
    setText(found.text);
    task.clear();
  };
  const save = (event: Event) => {
    event.preventDefault();
    void task.run(async () => onSaved(await putList(place, name, form, text, draft.version)));
  };
  return (
    <Sheet title={fresh ? t("filter.list.new") : draft.name} onClose={onClose} data-testid="list-editor">
      <form class="stack" onSubmit={save}>
        {fresh && (
          <label class="field">
            <span class="label">{t("filter.list.name")}</span>
            <input class="input" value={name} maxLength={32} pattern="[a-z0-9_]+" required autoComplete="off" onInput={(event) => setName(event.currentTarget.value)} data-testid="list-name" />
            <span class="hint">{t("filter.list.name.hint")}</span>
          </label>
        )}
        <div class="field-row">
          <label class="field">
            <span class="label">{t("filter.form")}</span>
            <select class="input" value={form} onChange={(event) => setForm(event.currentTarget.value as Form)} data-testid="list-form">
              {(["txt", "toml", "csv"] as const).map((each) => (
                <option key={each} value={each}>
                  {t(`filter.form.${each}`)}
                </option>
              ))}
            </select>
          </label>
          <label class="field">
            <span class="label">{t("filter.list.import")}</span>
            <input class="input" type="file" accept=".txt,.toml,.csv,text/plain,text/csv" onChange={(event) => void take(event.currentTarget.files?.[0])} data-testid="list-file" />
          </label>
        </div>
        <label class="field">
          <span class="label">{t("filter.list.words")}</span>
          <textarea
            ref={area}
            class="input code"
            rows={12}
            value={text}
            spellcheck={false}
            autoCapitalize="off"
            aria-invalid={task.refusal?.code === "list_invalid"}
            onInput={(event) => setText(event.currentTarget.value)}
            data-testid="list-words"
          />
          <span class="hint">{t(`filter.form.${form}.hint`)}</span>
        </label>
        {task.refusal && <Faults refusal={task.refusal} text={text} area={area.current} />}
        <button class="button primary wide" disabled={task.busy || !NAME.test(name)} data-testid="list-save">
          {t("save")}
        </button>
      </form>
    </Sheet>
  );
}

function Faults({ refusal, text, area }: { refusal: Refusal; text: string; area: HTMLTextAreaElement | null }) {
  if (refusal.code === "precondition_failed") {
    return (
      <Notice tone="bad" icon="warn">
        {t("filter.list.stale")}
      </Notice>
    );
  }
  const faults = refusal.code === "list_invalid" && Array.isArray(refusal.details) ? (refusal.details as Fault[]) : [];
  return (
    <Notice tone="bad" icon="warn" data-testid="list-faults">
      {errorText(refusal)}
      <ul>
        {faults.map(({ line, message }) => (
          <li key={`${line} ${message}`}>
            {line === null ? (
              message
            ) : (
              <button type="button" class="link" onClick={() => area && goTo(area, text, line)}>
                {t("filter.list.line", { line, message })}
              </button>
            )}
          </li>
        ))}
      </ul>
    </Notice>
  );
}

/** Puts the caret on a line (from 1), selects it, and scrolls there. */
function goTo(area: HTMLTextAreaElement, text: string, line: number): void {
  const before = text.split("\n").slice(0, line - 1);
  const start = before.reduce((sum, each) => sum + each.length + 1, 0);
  area.focus();
  area.setSelectionRange(start, start + (text.split("\n")[line - 1]?.length ?? 0));
  area.scrollTop = (area.scrollHeight / Math.max(1, text.split("\n").length)) * Math.max(0, line - 3);
}
