/** What the staff know of somebody: since when, whom they look like, notes, and where a ban would reach. */
import { useEffect, useState } from "preact/hooks";

import { errorText } from "../i18n/errors";
import { dayAndTime } from "../i18n/format";
import { t } from "../i18n";
import { asRefusal, type Refusal } from "../live/errors";
import { personIn, type AddressRange, type SomebodyHere } from "../live/people";
import type { Room } from "../live/room";
import type { Person } from "../live/wire";
import { IconButton, Notice } from "../ui/basics";
import { useTask } from "../ui/hooks";
import { toast } from "../ui/toasts";
import { FaceOf } from "./face";

/** Long enough to spoil an evening's return, short enough for whoever gets the address next. */
const ADDRESS_BAN_S = 86_400;

export function Background({ room, user }: { room: Room; user: Person }) {
  const [known, setKnown] = useState<SomebodyHere | null>(null);
  const [refused, setRefused] = useState<Refusal | null>(null);
  // The log of the staff says when there is something new about anybody.
  const news = room.staff.log.value.find((event) => event.kind in TELLING)?.seq;
  useEffect(() => {
    let current = true;
    personIn(room.id, user.id, room.token).then(
      (found) => {
        if (current) setKnown(found);
      },
      (thrown: unknown) => {
        if (current) setRefused(asRefusal(thrown));
      },
    );
    return () => {
      current = false;
    };
  }, [room, user.id, news]);
  if (known === null) return refused ? <Notice tone="bad" icon="warn">{errorText(refused)}</Notice> : null;
  return (
    <div class="stack-tight background" data-testid="background">
      <FaceOf room={room} user={known.user} />
      <span class="small quiet">
        {known.known_since_ms === null
          ? t("people.known.not")
          : t("people.known", { since: dayAndTime(known.known_since_ms, room.now()) })}
      </span>
      {known.hints.map((hint) => (
        <Notice key={hint.like.id} tone="wait" icon="warn" data-testid="evasion-hint">
          {t(`people.hint.${hint.by}`, { name: hint.like.name, n: hint.shared })}
        </Notice>
      ))}
      <Notes room={room} known={known} />
      {known.ranges?.map((range) => <Range key={range.width} room={room} user={user} range={range} />)}
    </div>
  );
}

const TELLING: Readonly<Record<string, true>> = {
  avatar_removed: true,
  noted: true,
  note_deleted: true,
  evasion_hint: true,
  address_banned: true,
  address_unbanned: true,
};

function Notes({ room, known }: { room: Room; known: SomebodyHere }) {
  const [text, setText] = useState("");
  const task = useTask();
  const write = () =>
    task.run(async () => {
      await room.send("moderate.note", { user: known.user.id, text: text.trim() });
      setText("");
    });
  return (
    <section class="stack-tight" aria-label={t("people.notes")}>
      <ul class="rows">
        {known.notes.map((note) => (
          <li key={note.id} data-testid="user-note">
            <div class="row-main">
              <span class="wrap">{note.text}</span>
              <span class="small quiet">
                {t("desk.by", { name: note.by.name })} · {dayAndTime(note.at_ms, room.now())}
              </span>
            </div>
            <IconButton
              icon="close"
              label={t("people.note.delete")}
              onClick={() => void task.run(() => room.send("moderate.note.delete", { note: note.id }))}
            />
          </li>
        ))}
      </ul>
      <form
        class="style-row"
        onSubmit={(event) => {
          event.preventDefault();
          void write();
        }}
      >
        <input
          class="input grow"
          value={text}
          maxLength={500}
          aria-label={t("people.note.write")}
          placeholder={t("people.note.write")}
          onInput={(event) => setText(event.currentTarget.value)}
          data-testid="note-input"
        />
        <button class="button little outline" disabled={task.busy || text.trim() === ""} data-testid="note-save">
          {t("people.note.save")}
        </button>
      </form>
      {task.refusal && <Notice tone="bad" icon="warn">{errorText(task.refusal)}</Notice>}
    </section>
  );
}

/** Says what would happen before it asks whether it should. */
function Range({ room, user, range }: { room: Room; user: Person; range: AddressRange }) {
  const [asking, setAsking] = useState(false);
  const task = useTask();
  const ban = () =>
    task.run(async () => {
      const { width } = range;
      await room.send("moderate.ban_address", { user: user.id, width, seconds: ADDRESS_BAN_S, reason: t("people.range.reason") });
      setAsking(false);
      toast(t("people.range.done"));
    });
  return (
    <div class="stack-tight" data-testid={`range-${range.width}`}>
      <div class="style-row">
        <span class="small grow">
          {t(`people.range.${range.width}`)}
          <span class="quiet"> · {t("people.range.others", { n: range.people, reached: range.reached })}</span>
        </span>
        <button class="button little outline" aria-expanded={asking} onClick={() => setAsking(!asking)}>
          {t("people.range.ban")}
        </button>
      </div>
      {asking && (
        <div class="stack-tight">
          <span class="small">{t("people.range.sure", { reached: range.reached, passed: range.people - range.reached })}</span>
          <button class="button little danger" disabled={task.busy} onClick={() => void ban()} data-testid={`range-${range.width}-sure`}>
            {t("people.range.ban.day")}
          </button>
        </div>
      )}
      {task.refusal && <Notice tone="bad" icon="warn">{errorText(task.refusal)}</Notice>}
    </div>
  );
}
