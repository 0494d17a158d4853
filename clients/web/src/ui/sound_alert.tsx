/** For those who look after a room: what a check has heard in a stream, to read, to listen to, and to decide on. */
import { useEffect, useState } from "preact/hooks";

import { t } from "../i18n";
import { clockTime, timeOfDay } from "../i18n/format";
import { blob } from "../live/api";
import { pieces } from "../live/review";
import type { Room } from "../live/room";
import type { Heard, SoundHit } from "../live/sound_wire";
import { IconButton, Spinner } from "./basics";
import { useTask } from "./hooks";
import { Icon } from "./icon";
import { found, whose } from "./picture_alert";
import "./picture_alert.css";
import { toast, toastError } from "./toasts";

export function SoundAlerts({ room }: { room: Room }) {
  const hits = room.staff.soundHits.value;
  return (
    <>
      {hits.map((hit) => (
        <Alert key={hit.stream} room={room} hit={hit} />
      ))}
    </>
  );
}

function Alert({ room, hit }: { room: Room; hit: SoundHit }) {
  const task = useTask();
  const own = hit.stream === "host" && room.you.user.value?.id === room.state.value.room.host.id;
  const clear = () =>
    task.run(() => room.send("sound.clear", { stream: hit.stream }).then(() => toast(t("sound.clear.done")), toastError));
  return (
    <section class={`picture-alert ${hit.measure}`} role="alert" data-testid="sound-alert" data-measure={hit.measure}>
      <div class="picture-alert-text">
        <strong>
          <Icon name="warn" size={18} /> {t(own ? "sound.hit.own" : "sound.hit", { whose: whose(room, hit.stream) })}
        </strong>
        <span>{t(own && hit.measure === "interrupt" ? "sound.you.interrupt" : `sound.hit.${hit.measure}`)}</span>
        <HeardWords heard={hit} />
        {hit.sound && <Listen key={hit.id} room={room} path={hit.sound} />}
        {(!own || room.you.role.value === "operator") && (
          <div class="picture-alert-tools">
            <button class="button little" disabled={task.busy} onClick={() => void clear()} data-testid="sound-clear">
              {task.busy ? <Spinner /> : <Icon name="check" size={16} />}
              {t("sound.clear")}
            </button>
          </div>
        )}
      </div>
      <IconButton icon="close" label={t("picture.dismiss")} onClick={() => room.staff.putSoundAway(hit.stream)} />
    </section>
  );
}

/** The words, what hit in them set off; the labels, and when in the stream it was. */
export function HeardWords({ heard }: { heard: Heard }) {
  const labels = found(heard.classes ?? []);
  return (
    <>
      {heard.text && (
        <q class="heard-words" lang={heard.language || undefined} data-testid="sound-text">
          {pieces(heard.text, heard.reasons ?? []).map(({ piece, hit }, n) => (hit ? <mark key={n}>{piece}</mark> : <span key={n}>{piece}</span>))}
        </q>
      )}
      {labels && <span data-testid="sound-labels">{labels}</span>}
      {heard.heard_ms !== undefined && (
        <span class="heard-when small numbers">
          <time>{timeOfDay(heard.heard_ms)}</time>
          {typeof heard.into_ms === "number" && ` · ${t("sound.into", { time: clockTime(heard.into_ms) })}`}
        </span>
      )}
    </>
  );
}

/** The seconds that hit. Who can't play them may take them along. */
export function Listen({ room, path }: { room: Room; path: string }) {
  const [url, setUrl] = useState<string | null>(null);
  const [state, setState] = useState<"loads" | "plays" | "gone" | "strange">("loads");
  useEffect(() => {
    let made: string | null = null;
    let over = false;
    blob(path, room.token).then(
      (sound) => {
        if (over) return;
        made = URL.createObjectURL(sound);
        setUrl(made);
        setState("plays");
      },
      () => setState("gone"),
    );
    return () => {
      over = true;
      if (made !== null) URL.revokeObjectURL(made);
    };
  }, [path, room]);
  if (state === "gone") return <span class="small">{t("sound.gone")}</span>;
  if (url === null) return <Spinner />;
  if (state === "strange") {
    return (
      <a class="small" href={url} download="sound.ogg">
        {t("sound.take")}
      </a>
    );
  }
  return (
    <audio class="heard-sound" controls preload="auto" src={url} aria-label={t("sound.listen")} onError={() => setState("strange")} data-testid="sound-audio" />
  );
}
