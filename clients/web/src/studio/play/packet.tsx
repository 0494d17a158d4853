/** The host's red packets: those that are open, and a form for the next. */
import { useState } from "preact/hooks";

import { t } from "../../i18n";
import type { Packet } from "../../live/packet_wire";
import type { Room } from "../../live/room";
import { PacketCard, ShownPacket } from "../../viewer/play/packet";
import { PacketForm } from "../../viewer/play/packet_form";
import { PlaySection } from "./section";

export function PacketSection({ room }: { room: Room }) {
  const [sending, setSending] = useState(false);
  const open = room.state.value.plays.filter(({ kind }) => kind === "packet") as Packet[];
  return (
    <PlaySection
      title={t("packet.title")}
      none={t("packet.none")}
      isEmpty={open.length === 0}
      add={{ label: t("packet.send"), icon: "packet", testId: "packet-send-button", onClick: () => setSending(true) }}
      data-testid="packet-section"
    >
      {open.map((packet) => (
        <PacketCard key={packet.id} room={room} play={packet} front onFold={null} />
      ))}
      <ShownPacket room={room} />
      {sending && <PacketForm room={room} onClose={() => setSending(false)} />}
    </PlaySection>
  );
}
