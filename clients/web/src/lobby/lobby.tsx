/** The list of public rooms, live ones first. */
import { useEffect, useState } from "preact/hooks";

import { errorText } from "../i18n/errors";
import { t } from "../i18n";
import { rooms, type RoomCard } from "../live/api";
import { Avatar, Empty, LangSwitch, LiveBadge, Logo, Notice, ViewerCount } from "../ui/basics";
import "./lobby.css";

const ASK_MS = 10_000;

type State = { rooms: RoomCard[]; next: string | null } | { failed: unknown } | null;

export function Lobby() {
  const [state, setState] = useState<State>(null);
  useEffect(() => {
    let more = false;
    const ask = () => {
      if (document.hidden || more) return;
      rooms().then(
        ({ items, next }) => setState({ rooms: items, next }),
        (failed: unknown) => setState((before) => (before && "rooms" in before ? before : { failed })),
      );
    };
    ask();
    const timer = setInterval(ask, ASK_MS);
    return () => {
      more = true;
      clearInterval(timer);
    };
  }, []);
  const loadMore = async (known: RoomCard[], cursor: string) => {
    const { items, next } = await rooms(cursor);
    setState({ rooms: [...known, ...items], next });
  };
  return (
    <>
      <header class="bar">
        <Logo />
        <span class="push" />
        <LangSwitch />
      </header>
      <main class="lobby">
        <h1>{t("lobby.title")}</h1>
        <p class="quiet">{t("lobby.hint")}</p>
        {state === null && <Skeletons />}
        {state && "failed" in state && (
          <Notice tone="bad" icon="warn">
            {errorText(state.failed)}
          </Notice>
        )}
        {state && "rooms" in state && (
          <>
            {state.rooms.length === 0 && (
              <Empty icon="camera" title={t("lobby.empty")}>
                <span class="small">{t("lobby.empty.hint")}</span>
              </Empty>
            )}
            <ul class="room-grid">
              {state.rooms.map((room) => (
                <Card key={room.id} room={room} />
              ))}
            </ul>
            {state.next !== null && (
              <button class="button outline" onClick={() => void loadMore(state.rooms, state.next ?? "")}>
                {t("lobby.more")}
              </button>
            )}
          </>
        )}
      </main>
    </>
  );
}

function Card({ room }: { room: RoomCard }) {
  const live = room.status === "live" || room.status === "interrupted";
  return (
    <li>
      <a class={`card room-card${live ? " live" : ""}`} href={`/r/${encodeURIComponent(room.id)}`} data-testid="room-card">
        <div class="room-cover" aria-hidden="true">
          <Avatar id={room.id} name={room.host.name} avatar={room.host.avatar} size={76} />
          {room.poster !== null && <Poster url={room.poster} />}
        </div>
        <div class="room-marks">
          <LiveBadge status={room.status} />
          {live && <ViewerCount count={room.viewers} />}
        </div>
        <div class="room-text">
          <h2 class="ellipsis">{room.title}</h2>
          <span class="quiet ellipsis">{room.host.name}</span>
        </div>
      </a>
    </li>
  );
}

/** The picture fades in over the cover when it has come; until then, and if it doesn't, the cover stays. */
function Poster({ url }: { url: string }) {
  const [shown, setShown] = useState<string | null>(null);
  return (
    <>
      {shown !== null && shown !== url && <img class="room-poster seen" src={shown} alt="" />}
      <img
        key={url}
        class={`room-poster${shown === url ? " seen" : ""}`}
        src={url}
        alt=""
        decoding="async"
        onLoad={() => setShown(url)}
        data-testid="room-poster"
      />
    </>
  );
}

function Skeletons() {
  return (
    <ul class="room-grid" aria-busy="true" aria-label={t("loading")}>
      {[0, 1, 2].map((i) => (
        <li key={i} class="card room-card skeleton" />
      ))}
    </ul>
  );
}
