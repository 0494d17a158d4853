import { t } from "../i18n";
import { Room } from "../live/room";
import { demoSignIn, forgetToken, mayRenew, takeToken, visitorName } from "../live/token";
import type { Via } from "../media/ladder";
import { Player } from "../media/player";
import { mount, roomOfAddress } from "../ui/page";
import { inventName } from "./names";
import { Viewer } from "./viewer";

async function begin(): Promise<void> {
  const id = roomOfAddress();
  const token = takeToken() ?? (await demoSignIn("viewer", visitorName(inventName)));
  const room = new Room(id, token);
  const via = viaOfAddress();
  const player = new Player(id, () => room.token, via);
  mount(<Viewer room={room} player={player} via={via} />);
  room.closedBy.subscribe((closed) => {
    if (closed === null || !mayRenew(closed.code)) return;
    forgetToken();
    location.reload();
  });
  room.open();
}

/** `?via=whep` or `?via=hls` holds the player to one protocol. */
function viaOfAddress(): Via {
  const via = new URLSearchParams(location.search).get("via");
  return via === "whep" || via === "hls" ? via : "auto";
}

document.title = `${t("title.viewer")} · Danmart`;
void begin();
