/** The trail itself: who did what to whom, when and why. */
import { useEffect, useState } from "preact/hooks";

import { errorText } from "../../i18n/errors";
import { dayAndTime } from "../../i18n/format";
import { t } from "../../i18n";
import { asRefusal, type Refusal } from "../../live/errors";
import type { Room } from "../../live/room";
import { Empty, Notice, Spinner } from "../../ui/basics";
import { useTask } from "../../ui/hooks";
import { Icon } from "../../ui/icon";
import { actionName, codeName, roleName } from "./names";
import { save } from "./sheet";
import { entriesOf, trailFile, type Asked, type Entry } from "./wire";

const SORTS = ["", "filter.*", "moderate.*", "review.*", "report.*", "appeal.*", "picture.*", "sound.*", "room.*", "audit.*"] as const;
const ALL: Asked = { action: "", actor: "", target: "" };

export function Activity({ room }: { room: Room }) {
  const [asked, setAsked] = useState<Asked>(ALL);
  const [items, setItems] = useState<readonly Entry[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const task = useTask();
  const saving = useTask();
  const [refused, setRefused] = useState<Refusal | null>(null);
  const more = (cursor: string) =>
    task.run(async () => {
      const page = await entriesOf(room.id, asked, cursor, room.token);
      setItems((before) => [...(before ?? []), ...page.items]);
      setNext(page.next);
    });
  // What is asked last is what is shown, whichever answer comes first.
  useEffect(() => {
    let current = true;
    setRefused(null);
    entriesOf(room.id, asked, null, room.token).then(
      (page) => {
        if (!current) return;
        setItems(page.items);
        setNext(page.next);
      },
      (thrown: unknown) => {
        if (current) setRefused(asRefusal(thrown));
      },
    );
    return () => {
      current = false;
    };
  }, [room, asked]);
  const keep = (format: "csv" | "json") =>
    saving.run(async () => save(await trailFile(room.id, asked, format, room.token), `audit-${room.id}.${format}`));
  const refusal = refused ?? task.refusal ?? saving.refusal;
  return (
    <div class="activity" data-testid="activity">
      <div class="chain-head">
        <h3>{t("audit.title")}</h3>
        {(task.busy || saving.busy) && <Spinner />}
        <span class="push" />
        {(["csv", "json"] as const).map((format) => (
          <button key={format} class="button outline little" disabled={saving.busy} onClick={() => void keep(format)} data-testid={`trail-${format}`}>
            <Icon name="down" size={16} />
            {format.toUpperCase()}
          </button>
        ))}
      </div>
      <Filters asked={asked} onChange={setAsked} />
      {refusal && <Notice tone="bad">{errorText(refusal)}</Notice>}
      {items?.length === 0 && <Empty icon="list" title={t("audit.none")} />}
      <ol class="entries">
        {items?.map((entry) => (
          <Line key={entry.id} entry={entry} room={room.id} nowMs={room.now()} onAsk={(more) => setAsked({ ...asked, ...more })} />
        ))}
      </ol>
      {next !== null && (
        <button class="button outline wide" disabled={task.busy} onClick={() => void more(next)} data-testid="audit-more">
          {t("audit.more")}
        </button>
      )}
    </div>
  );
}

function Filters({ asked, onChange }: { asked: Asked; onChange: (asked: Asked) => void }) {
  return (
    <div class="activity-filters">
      <label class="field">
        <span class="label">{t("audit.what")}</span>
        <select
          class="input"
          value={asked.action}
          onChange={(event) => onChange({ ...asked, action: event.currentTarget.value })}
          data-testid="audit-sort"
        >
          {SORTS.map((sort) => (
            <option key={sort} value={sort}>
              {t(`audit.sort.${sort === "" ? "all" : (sort.slice(0, -2) as "room")}`)}
            </option>
          ))}
        </select>
      </label>
      {(["actor", "target"] as const).map((name) => (
        <label key={name} class="field">
          <span class="label">{t(name === "actor" ? "audit.who" : "audit.whom")}</span>
          <input
            class="input"
            value={asked[name]}
            placeholder={t("audit.id")}
            maxLength={128}
            onChange={(event) => onChange({ ...asked, [name]: event.currentTarget.value.trim() })}
            data-testid={`audit-${name}`}
          />
        </label>
      ))}
    </div>
  );
}

function Line({ entry, room, nowMs, onAsk }: { entry: Entry; room: string; nowMs: number; onAsk: (more: Partial<Asked>) => void }) {
  const { actor, facts } = entry;
  const role = typeof facts.by === "string" ? facts.by : "";
  const whole = entry.erased.length === 0;
  return (
    <li class="entry" data-testid="entry" data-seq={entry.seq} data-action={entry.action}>
      <div class="entry-head">
        <span class="small quiet numbers">#{entry.seq}</span>
        <strong>{actionName(entry.action)}</strong>
        <time class="small quiet numbers push" dateTime={new Date(entry.at_ms).toISOString()}>
          {dayAndTime(entry.at_ms, nowMs)}
        </time>
      </div>
      <div class="entry-people small">
        {entry.erased.includes("who") ? (
          <em class="quiet">{t("audit.erased")}</em>
        ) : role === "system" ? (
          <span>{roleName("system")}</span>
        ) : (
          <button class="link-button" onClick={() => onAsk({ actor: actor.id ?? "" })} disabled={actor.id === null}>
            {actor.name || actor.id}
          </button>
        )}
        {role !== "" && role !== "system" && <span class="quiet">{roleName(role)}</span>}
        {entry.target !== "" && entry.target !== room && (
          <>
            <Icon name="reply" size={14} />
            <button class="link-button ellipsis" onClick={() => onAsk({ target: entry.target })}>
              {namedIn(entry.detail) ?? entry.target}
            </button>
          </>
        )}
      </div>
      <Why entry={entry} />
      {!whole && entry.erased.includes("what") && <p class="small quiet">{t("audit.erased.what")}</p>}
    </li>
  );
}

/** What the one or the thing that it was done to is called, where the entry says it. */
function namedIn(detail: Entry["detail"]): string | null {
  const { user, title } = detail;
  if (typeof title === "string" && title !== "") return title;
  return typeof user === "object" && user !== null && "name" in user && typeof user.name === "string" ? user.name : null;
}

interface Rule {
  code?: unknown;
  rule?: unknown;
}

function Why({ entry }: { entry: Entry }) {
  const { reason, text, rules } = entry.detail;
  const hits = Array.isArray(rules) ? (rules as Rule[]) : [];
  return (
    <>
      {typeof reason === "string" && reason !== "" && (
        <p class="small">
          <span class="quiet">{t("audit.why")}: </span>
          {reason}
        </p>
      )}
      {typeof text === "string" && text !== "" && <blockquote class="entry-text small">{text}</blockquote>}
      {hits.length > 0 && (
        <p class="entry-rules">
          {hits.map(({ code, rule }, index) => (
            <span key={index} class="chip">
              {codeName(typeof code === "string" ? code : "")}
              {typeof rule === "string" && rule !== "" && <span class="quiet">: {rule}</span>}
            </span>
          ))}
        </p>
      )}
    </>
  );
}
