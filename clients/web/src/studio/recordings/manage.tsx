/** One recording: its title, who sees it, how long it stays, its clips and files. */
import { useState } from "preact/hooks";

import { dayAndTime } from "../../i18n/format";
import { errorText } from "../../i18n/errors";
import { t } from "../../i18n";
import type { Room } from "../../live/room";
import { changeRecording, deleteRecording, downloadOf, type Recording } from "../../replay/wire";
import { Notice, Spinner } from "../../ui/basics";
import { useTask } from "../../ui/hooks";
import { Confirm, Sheet } from "../../ui/sheet";
import { toast } from "../../ui/toasts";
import { Clips } from "./clips";

interface ManageProps {
  room: Room;
  card: Recording;
  onChanged: () => void;
  onClose: () => void;
}

export function ManageSheet({ room, card, onChanged, onClose }: ManageProps) {
  const task = useTask();
  const [title, setTitle] = useState(card.title);
  const [asking, setAsking] = useState(false);
  const change = (what: Parameters<typeof changeRecording>[1]) =>
    void task.run(async () => {
      await changeRecording(card.id, what, room.token);
      onChanged();
      toast(t("saved"));
    });
  if (asking) {
    // Back in the sheet, where a refusal is to be seen.
    const remove = () => {
      setAsking(false);
      void task.run(async () => {
        await deleteRecording(card.id, room.token);
        onChanged();
        onClose();
      });
    };
    return (
      <Confirm title={t("recordings.delete.title")} text={t("recordings.delete.text")} action={t("recordings.delete")} onYes={remove} onClose={() => setAsking(false)} />
    );
  }
  return (
    <Sheet title={card.title} onClose={onClose} data-testid="recording-sheet">
      {task.refusal && <Notice tone="bad">{errorText(task.refusal)}</Notice>}
      <form
        class="share-row"
        onSubmit={(event) => {
          event.preventDefault();
          change({ title });
        }}
      >
        <label class="field recording-title">
          <span class="label">{t("recordings.title")}</span>
          <input class="input" value={title} maxLength={100} required onInput={(event) => setTitle(event.currentTarget.value)} data-testid="recording-title" />
        </label>
        <button class="button outline" disabled={task.busy || title.trim() === "" || title === card.title} data-testid="recording-save">
          {t("save")}
        </button>
      </form>
      <label class="line">
        <span>{t("recordings.visible")}</span>
        <input type="checkbox" class="recording-check" checked={card.public} disabled={task.busy} onChange={() => change({ public: !card.public })} data-testid="recording-public" />
      </label>
      <label class="line">
        <span>
          {t("recordings.kept")}
          {!card.kept && card.keep_until_ms != null && (
            <span class="small quiet"> · {t("recordings.until", { date: dayAndTime(card.keep_until_ms, Date.now()) })}</span>
          )}
        </span>
        <input type="checkbox" class="recording-check" checked={card.kept === true} disabled={task.busy} onChange={() => change({ kept: card.kept !== true })} data-testid="recording-kept" />
      </label>
      {card.status === "ready" && <Clips room={room} card={card} />}
      {card.status === "ready" && <DownloadButton room={room} card={card} />}
      <button class="button danger wide" disabled={task.busy} onClick={() => setAsking(true)} data-testid="recording-delete">
        {t("recordings.delete")}
      </button>
    </Sheet>
  );
}

/** The browser downloads by a link that is good for a while, so nothing is held in the page. */
function DownloadButton({ room, card }: { room: Room; card: Recording }) {
  const task = useTask();
  const [leftOut, setLeftOut] = useState(false);
  const begin = (whole: boolean) =>
    void task.run(async () => {
      const made = await downloadOf(card.id, whole, room.token);
      setLeftOut(made.left_out.length > 0);
      location.assign(made.url);
    });
  return (
    <>
      <button class="button outline wide" disabled={task.busy} onClick={() => begin(false)} data-testid="recording-download">
        {task.busy && <Spinner />}
        {t("recordings.download")}
      </button>
      {(leftOut || task.refusal?.code === "was_blurred") && (
        <>
          {leftOut && <p class="small quiet">{t("recordings.left_out")}</p>}
          <button class="button outline wide" disabled={task.busy} onClick={() => begin(true)} data-testid="recording-download-whole">
            {t("recordings.download.whole")}
          </button>
        </>
      )}
      {task.refusal && <Notice tone="bad">{errorText(task.refusal)}</Notice>}
    </>
  );
}
