/** The word lists of a room or of the platform: edited, imported, exported, deleted. */
import { useEffect, useState } from "preact/hooks";

import { t } from "../../i18n";
import { dayAndTime } from "../../i18n/format";
import { asRefusal } from "../../live/errors";
import { deleteList, FORMS, readList, readLists, type Form, type Place, type WordList, type WordLists } from "../../live/rulebook";
import { Empty, IconButton, Spinner } from "../../ui/basics";
import { useTask } from "../../ui/hooks";
import { Icon } from "../../ui/icon";
import { Confirm } from "../../ui/sheet";
import { toast, toastError } from "../../ui/toasts";
import type { Draft } from "./draft";
import { ListEditor } from "./list_editor";

export function Lists({ place, onChanged }: { place: Place; onChanged: () => void }) {
  const [lists, setLists] = useState<WordLists | null>(null);
  const [draft, setDraft] = useState<Draft | null>(null);
  const [doomed, setDoomed] = useState<WordList | null>(null);
  const task = useTask();
  const read = () => readLists(place).then(setLists, toastError);
  useEffect(() => {
    void read();
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [place.room]);
  const changed = () => {
    void read();
    onChanged();
  };
  const edit = ({ name, form }: WordList) =>
    task.run(async () => {
      try {
        setDraft({ name, form, ...(await readList(place, name, form)) });
      } catch (thrown) {
        toastError(thrown);
      }
    });
  const remove = async (list: WordList) => {
    setDoomed(null);
    try {
      await deleteList(place, list);
      toast(t("filter.list.deleted", { name: list.name }));
    } catch (thrown) {
      if (asRefusal(thrown).code === "precondition_failed") toast(t("filter.stale"), true);
      else toastError(thrown);
    }
    changed();
  };
  return (
    <section class="stack" aria-labelledby="filter-lists">
      <div class="line">
        <h3 id="filter-lists">{t("filter.lists")}</h3>
        <button class="button outline little" onClick={() => setDraft({ name: "", form: "txt", text: "", version: 0 })} data-testid="new-list">
          <Icon name="plus" size={16} />
          {t("filter.list.new")}
        </button>
      </div>
      {lists === null && <Spinner />}
      {lists?.items.length === 0 && (
        <Empty icon="list" title={t("filter.lists.none")}>
          <span class="small quiet">{t("filter.lists.none.hint")}</span>
        </Empty>
      )}
      <ul>
        {lists?.items.map((list) => (
          <Row key={list.name} place={place} list={list} busy={task.busy} onEdit={() => void edit(list)} onDelete={() => setDoomed(list)} />
        ))}
      </ul>
      {lists !== null && lists.items.length > 0 && (
        <p class="small quiet numbers">{t("filter.lists.room_left", { n: lists.entries, most: lists.entries_max })}</p>
      )}
      {draft && (
        <ListEditor
          place={place}
          draft={draft}
          onClose={() => setDraft(null)}
          onSaved={(list) => {
            setDraft(null);
            toast(t("filter.list.saved", { name: list.name, n: list.entries }));
            changed();
          }}
        />
      )}
      {doomed && (
        <Confirm
          title={t("filter.list.delete.title", { name: doomed.name })}
          text={t("filter.list.delete.text", { n: doomed.entries })}
          action={t("filter.list.delete")}
          onYes={() => void remove(doomed)}
          onClose={() => setDoomed(null)}
        />
      )}
    </section>
  );
}

function Row({ place, list, busy, onEdit, onDelete }: {
  place: Place;
  list: WordList;
  busy: boolean;
  onEdit: () => void;
  onDelete: () => void;
}) {
  const save = (form: Form) =>
    readList(place, list.name, form).then(({ text }) => download(`${list.name}.${form}`, text, FORMS[form]), toastError);
  return (
    <li class="shelf-row" data-testid="word-list" data-name={list.name}>
      <button class="shelf-text" disabled={busy} onClick={onEdit}>
        <span class="product-name">{list.name}</span>
        <span class="small quiet numbers">
          {t("filter.entries", { n: list.entries })} · {list.by} · {dayAndTime(list.at_ms, Date.now())}
        </span>
      </button>
      <div class="shelf-tools">
        <label>
          <span class="unseen">{t("filter.list.export", { name: list.name })}</span>
          <select
            class="input little"
            value=""
            onChange={(event) => {
              void save(event.currentTarget.value as Form);
              event.currentTarget.value = "";
            }}
            data-testid="list-export"
          >
            <option value="" disabled>
              {t("filter.export")}
            </option>
            {(["txt", "toml", "csv"] as const).map((form) => (
              <option key={form} value={form}>
                {t(`filter.form.${form}`)}
              </option>
            ))}
          </select>
        </label>
        <IconButton icon="trash" label={t("filter.list.delete.title", { name: list.name })} little onClick={onDelete} data-testid="list-delete" />
      </div>
    </li>
  );
}

function download(name: string, text: string, type: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
