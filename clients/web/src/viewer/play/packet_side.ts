/** What this page knows of red packets: which one is looked at, and what the viewer got. */
import { signal } from "@preact/signals";

import { asRefusal } from "../../live/errors";
import type { Packet, Share } from "../../live/packet_wire";
import type { Room } from "../../live/room";

/** The one whose sheet is open. It outlives the packet, which leaves the room's state when it has ended. */
export const shown = signal<Packet | null>(null);

/** The viewer's shares, by packet. */
export const shares = signal<Readonly<Record<string, Share>>>({});

export function noteShare(packet: string, share: Share): void {
  shares.value = { ...shares.value, [packet]: share };
}

/** Opens a packet; one that was opened before, perhaps in another window, is the same success. */
export async function openPacket(room: Room, { id }: Packet): Promise<void> {
  try {
    noteShare(id, (await room.send("packet.open", { packet: id })).share);
  } catch (thrown) {
    const refusal = asRefusal(thrown);
    const share = refusal.detail("share");
    if (refusal.code !== "already_opened" || !share) throw thrown;
    noteShare(id, share as Share);
  }
}
