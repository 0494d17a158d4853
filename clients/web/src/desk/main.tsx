import { t } from "../i18n";
import { eventsAfter } from "../live/api";
import { Room } from "../live/room";
import { takeToken } from "../live/token";
import { Gate } from "../ui/gate";
import { mount, roomOfAddress } from "../ui/page";
import { Desk } from "./desk";

const KEPT = 500;

const room = new Room(roomOfAddress(), takeToken(), KEPT);
document.title = `${t("title.desk")} · Danmart`;
mount(
  <Gate room={room} needs="see_staff" demoRole="moderator">
    <Desk room={room} />
  </Gate>,
);
room.open();

/** The snapshot has the last fifty comments: the desk wants to look further back. */
const stop = room.entered.subscribe((entered) => {
  if (!entered) return;
  queueMicrotask(() => stop());
  eventsAfter(room.id, Math.max(0, room.offset - KEPT), KEPT, room.token).then(
    ({ items }) => room.addEarlier(items),
    () => undefined, // the live list works without
  );
});
