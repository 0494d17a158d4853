import { t } from "../i18n";
import { Room } from "../live/room";
import { takeToken } from "../live/token";
import { Gate } from "../ui/gate";
import { mount, roomOfAddress } from "../ui/page";
import { Broadcast } from "./broadcast";
import { Studio } from "./studio";

const room = new Room(roomOfAddress(), takeToken(), 300);
const broadcast = new Broadcast(room.id, () => room.publishToken());
document.title = `${t("title.studio")} · Danmart`;
mount(
  <Gate room={room} needs="publish" demoRole="host">
    <Studio room={room} broadcast={broadcast} />
  </Gate>,
);
room.open();
