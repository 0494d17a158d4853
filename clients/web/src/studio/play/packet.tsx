/** The host's red packets: those that are open, and a form for the next. */
import { useState } from "preact/hooks";

import { t } from "../../i18n";
import type { Packet } from "../../live/packet_wire";
import type { Room } from "../../live/room";
import { Empty } from "../../ui/basics";
import { Icon } from "../../ui/icon";
import { PacketCard, ShownPacket } from "../../viewer/play/packet";
import { PacketForm } from "../../viewer/play/packet_form";

export function PacketSection({ room }: { room: Room }) {
  const [sending, setSending] = useState(false);
  const open = room.state.value.plays.filter(({ kind }) => kind === "packet") as Packet[];
  return (
    <section class="packet-section" aria-labelledby="packets-title" data-testid="packet-section">
      <div class="line">
        <h3 id="packets-title">{t("packet.title")}</h3>
        <button class="button outline little" onClick={() => setSending(true)} data-testid="packet-send-button">
          <Icon name="packet" size={16} />
          {t("packet.send")}
        </button>
      </div>
      {open.length === 0 && <Empty icon="packet" title={t("packet.none")} />}
      {open.map((packet) => (
        <PacketCard key={packet.id} room={room} play={packet} />
      ))}
      <ShownPacket room={room} />
      {sending && <PacketForm room={room} onClose={() => setSending(false)} />}
    </section>
  );
}
