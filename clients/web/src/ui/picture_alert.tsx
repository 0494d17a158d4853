/** For those who look after a room: what a check has found in a picture, with a still, and what to do about it. */
import { useSignal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";

import { isKey, t } from "../i18n";
import { timeOfDay } from "../i18n/format";
import { blob } from "../live/api";
import type { Finding, PictureHit, PictureOf } from "../live/picture_wire";
import type { Room } from "../live/room";
import { IconButton, Spinner } from "./basics";
import { useTask } from "./hooks";
import { Icon } from "./icon";
import "./picture_alert.css";
import { toast, toastError } from "./toasts";

export function PictureAlerts({ room }: { room: Room }) {
  const hits = room.staff.pictureHits.value;
  return (
    <>
      {hits.map((hit) => (
        <Alert key={hit.stream} room={room} hit={hit} />
      ))}
    </>
  );
}

/** So many stills stand beside the words. */
const STILLS = 3;

/** For the host: which of the room's pictures aren't shown, until a moderator has decided. */
export function WithheldPictures({ room }: { room: Room }) {
  const away = useSignal<ReadonlySet<string>>(new Set());
  const withheld = room.staff.review.open.value.filter(({ id, upload }) => upload !== undefined && !away.value.has(id));
  if (withheld.length === 0) return null;
  const classes = withheld.flatMap((item) => item.classes ?? []);
  return (
    <section class="picture-alert withhold" role="alert" data-testid="picture-withheld">
      {withheld.slice(0, STILLS).map((item) => item.picture && <Still key={item.id} room={room} path={item.picture} />)}
      <div class="picture-alert-text">
        <strong>
          <Icon name="warn" size={18} /> {withheld.length === 1 ? t("picture.withheld") : t("picture.withheld.many", { n: withheld.length })}
        </strong>
        <span>{t("picture.withheld.why")}</span>
        <span class="small">{found(classes)}</span>
      </div>
      <IconButton
        icon="close"
        label={t("picture.dismiss")}
        onClick={() => (away.value = new Set([...away.value, ...withheld.map(({ id }) => id)]))}
      />
    </section>
  );
}

function Alert({ room, hit }: { room: Room; hit: PictureHit }) {
  const task = useTask();
  const own = hit.stream === "host" && room.you.user.value?.id === room.state.value.room.host.id;
  const clear = () =>
    task.run(() => room.send("picture.clear", { stream: hit.stream }).then(() => toast(t("picture.clear.done")), toastError));
  return (
    <section class={`picture-alert ${hit.measure}`} role="alert" data-testid="picture-alert" data-measure={hit.measure}>
      {hit.picture !== null && <Still key={hit.id} room={room} path={hit.picture} />}
      <div class="picture-alert-text">
        <strong>
          <Icon name="warn" size={18} /> {t(own ? "picture.hit.own" : "picture.hit", { whose: whose(room, hit.stream) })}
        </strong>
        <span>{t(own && hit.measure !== "alert" ? `picture.you.${hit.measure}` : `picture.hit.${hit.measure}`)}</span>
        <span class="small">
          <time class="numbers">{timeOfDay(hit.at_ms)}</time> · {found(hit.classes)}
        </span>
        {(!own || room.you.role.value === "operator") && (
          <div class="picture-alert-tools">
            <button class="button little" disabled={task.busy} onClick={() => void clear()} data-testid="picture-clear">
              {task.busy ? <Spinner /> : <Icon name="check" size={16} />}
              {t("picture.clear")}
            </button>
          </div>
        )}
      </div>
      <IconButton icon="close" label={t("picture.dismiss")} onClick={() => room.staff.putAway(hit.stream)} />
    </section>
  );
}

/** Blurred on the server, until somebody wants to see it as it was. */
export function Still({ room, path }: { room: Room; path: string }) {
  const clear = useSignal(false);
  const [shown, setShown] = useState<string | null>(null);
  const [gone, setGone] = useState(false);
  const wanted = clear.value;
  useEffect(() => {
    let url: string | null = null;
    let over = false;
    blob(wanted ? `${path}?clear=1` : path, room.token).then(
      (picture) => {
        if (over) return;
        url = URL.createObjectURL(picture);
        setShown(url);
      },
      () => setGone(true),
    );
    return () => {
      over = true;
      if (url !== null) URL.revokeObjectURL(url);
    };
  }, [path, wanted, room]);
  if (gone) return <span class="picture-still none small">{t("picture.gone")}</span>;
  return (
    <button class="picture-still" aria-pressed={wanted} onClick={() => (clear.value = !wanted)} data-testid="picture-still">
      {shown !== null && <img src={shown} alt={t("picture.still")} />}
      <span class="picture-still-word">{t(wanted ? "picture.hide" : "picture.show")}</span>
    </button>
  );
}

/** Whose picture it is, in a sentence. */
export function whose(room: Room, stream: PictureOf): string {
  if (stream === "host") return t("picture.whose.host");
  const guest = room.state.value.stage.guests.find((each) => each.slot === stream);
  return t("picture.whose.guest", { name: guest?.user.name ?? stream });
}

/** What a stream's picture, or its sound, is called by itself. */
export function streamOf(room: Room, kind: "picture" | "sound", stream: PictureOf): string {
  if (stream === "host") return t(`${kind}.of.host`);
  const guest = room.state.value.stage.guests.find((each) => each.slot === stream);
  return t(`${kind}.of.guest`, { name: guest?.user.name ?? stream });
}

/** What was found, and how sure the check is of it. */
export function found(classes: readonly Finding[]): string {
  const words = classes.slice(0, 3).map(({ name, score }: Finding) => {
    const key = `picture.class.${name}`;
    return t("picture.found", { what: isKey(key) ? t(key) : name, percent: `${Math.round(score * 100)}%` });
  });
  return [...new Set(words)].join(" · ");
}
