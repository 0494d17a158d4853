/** A recording's clips: of a chapter, or from a time to another. */
import { useCallback, useEffect, useState } from "preact/hooks";

import { clockTime } from "../../i18n/format";
import { errorText } from "../../i18n/errors";
import { t } from "../../i18n";
import { newKey } from "../../live/connection";
import type { Room } from "../../live/room";
import { chaptersOf, clipsOf, deleteClip, makeClip, type Chapter, type Clip, type Recording } from "../../replay/wire";
import { IconButton, Notice, Spinner } from "../../ui/basics";
import { useTask } from "../../ui/hooks";
import { timeOf } from "./times";

const AGAIN_MS = 2_000;
const LONGEST_MS = 600_000;

export function Clips({ room, card }: { room: Room; card: Recording }) {
  const [clips, setClips] = useState<readonly Clip[]>([]);
  const [chapters, setChapters] = useState<readonly Chapter[]>([]);
  const task = useTask();
  const load = useCallback(async () => setClips((await clipsOf(card.id, room.token)).items), [card.id, room]);
  useEffect(() => {
    load().catch(() => undefined);
    chaptersOf(card.id, room.token).then(({ items }) => setChapters(items), () => undefined);
  }, [load, card.id, room]);
  const making = clips.some(({ status }) => status === "making");
  useEffect(() => {
    if (!making) return;
    const timer = setInterval(() => void load().catch(() => undefined), AGAIN_MS);
    return () => clearInterval(timer);
  }, [making, load]);
  const make = (asked: Parameters<typeof makeClip>[1]) =>
    void task.run(async () => {
      await makeClip(card.id, asked, newKey(), room.token);
      await load();
    });
  const remove = (clip: string) =>
    void task.run(async () => {
      await deleteClip(card.id, clip, room.token);
      await load();
    });
  return (
    <section class="stack-clips" aria-label={t("recordings.clips")}>
      <h3>{t("recordings.clips")}</h3>
      {task.refusal && <Notice tone="bad">{errorText(task.refusal)}</Notice>}
      <ul class="clips">
        {clips.map((clip) => (
          <ClipLine key={clip.id} clip={clip} busy={task.busy} onDelete={() => remove(clip.id)} />
        ))}
      </ul>
      {chapters.length > 0 && (
        <div class="clip-chapters">
          {chapters.map((chapter) => (
            <button key={chapter.from_ms} class="button outline little" disabled={task.busy} onClick={() => make(ofChapter(chapter))} data-testid="clip-chapter">
              {t("recordings.clip.of", { title: chapter.title })} <span class="numbers quiet">{clockTime(chapter.from_ms)}</span>
            </button>
          ))}
        </div>
      )}
      <Stretch card={card} busy={task.busy} onMake={make} />
    </section>
  );
}

function ofChapter({ title, from_ms, to_ms }: Chapter) {
  return { title, from_ms, to_ms: Math.min(to_ms, from_ms + LONGEST_MS) };
}

function ClipLine({ clip, busy, onDelete }: { clip: Clip; busy: boolean; onDelete: () => void }) {
  return (
    <li class="clip" data-testid="clip" data-status={clip.status}>
      <span class="clip-text">
        <span class="ellipsis">{clip.title}</span>
        <span class="small quiet numbers">
          {clockTime(clip.from_ms)}–{clockTime(clip.to_ms)}
        </span>
      </span>
      {clip.status === "making" && (
        <span class="small quiet">
          <Spinner /> <span class="unseen">{t("recordings.clip.making")}</span>
        </span>
      )}
      {clip.status === "failed" && <span class="chip bad">{t("recordings.failed")}</span>}
      {clip.reason === "was_blurred" && <span class="chip tiny">{t("replay.blurred")}</span>}
      {clip.url !== null && (
        <a class="button outline little" href={clip.url} download data-testid="clip-download">
          {t("recordings.clip.download")}
        </a>
      )}
      <IconButton icon="trash" little label={t("recordings.clip.delete")} disabled={busy} onClick={onDelete} data-testid="clip-delete" />
    </li>
  );
}

function Stretch({ card, busy, onMake }: { card: Recording; busy: boolean; onMake: (asked: { from_ms: number; to_ms: number }) => void }) {
  const [from, setFrom] = useState("0:00");
  const [to, setTo] = useState(clockTime(Math.min(card.duration_ms, 30_000)));
  const [begin, end] = [timeOf(from), timeOf(to)];
  const bad = begin === null || end === null || end - begin < 1_000 || end - begin > LONGEST_MS;
  return (
    <form
      class="clip-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (!bad) onMake({ from_ms: begin, to_ms: end });
      }}
    >
      <label class="field">
        <span class="label">{t("recordings.clip.from")}</span>
        <input class="input numbers" value={from} onInput={(event) => setFrom(event.currentTarget.value)} data-testid="clip-from" />
      </label>
      <label class="field">
        <span class="label">{t("recordings.clip.to")}</span>
        <input class="input numbers" value={to} onInput={(event) => setTo(event.currentTarget.value)} data-testid="clip-to" />
      </label>
      <button class="button primary" disabled={busy || bad} data-testid="clip-make">
        {busy && <Spinner />}
        {t("recordings.clip.make")}
      </button>
      <span class="small quiet clip-hint">{t(bad ? "recordings.clip.bad" : "recordings.clip.hint")}</span>
    </form>
  );
}
