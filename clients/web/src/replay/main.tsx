import { t } from "../i18n";
import { asRefusal } from "../live/errors";
import { Room } from "../live/room";
import { demoSignIn, takeToken, visitorName } from "../live/token";
import { Blank } from "../ui/basics";
import { mount } from "../ui/page";
import { inventName } from "../viewer/names";
import { PastRoom } from "./past_room";
import { Replay } from "./replay";
import { startOfAddress } from "./share";
import { Vod } from "./vod";
import { chaptersOf, recording, timeline } from "./wire";

async function begin(): Promise<void> {
  const id = decodeURIComponent(location.pathname.split("/")[2] ?? "");
  const token = takeToken() ?? (await demoSignIn("viewer", visitorName(inventName)));
  try {
    const [card, chapters] = await Promise.all([recording(id, token), chaptersOf(id, token)]);
    const past = new PastRoom(card.room, (asked) => timeline(id, asked, token));
    const vod = new Vod(`/recordings/${id}/index.m3u8`, token, startOfAddress(), (ms) => past.at(ms));
    const today = new Room(card.room, token);
    mount(<Replay card={card} chapters={chapters.items} past={past} today={today} vod={vod} />);
    today.open();
    past.at(startOfAddress());
  } catch (thrown) {
    const refusal = asRefusal(thrown);
    mount(<NotThere code={refusal.code} />);
  }
}

function NotThere({ code }: { code: string }) {
  const known = code === "unauthenticated" || code === "forbidden";
  return (
    <Blank icon="play" title={t("replay.none.title")}>
      <p class="quiet" data-testid="closed" data-code={code}>
        {t(known ? "replay.none.private" : code === "offline" ? "replay.none.offline" : "replay.none")}
      </p>
      <a class="button outline" href="/">
        {t("closed.rooms")}
      </a>
    </Blank>
  );
}

document.title = `${t("title.replay")} · Danmart`;
void begin();
