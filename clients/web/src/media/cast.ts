/** The pictures of a stage beside the host's: a player for each guest, all muted together. */
import { effect, signal, type ReadonlySignal } from "@preact/signals";

import { streamName, type OnStage } from "../live/stage_wire";
import type { Via } from "./ladder";
import { Player } from "./player";

/** `player` is null for the viewer's own picture, which needs no way round by the server. */
export interface Member extends OnStage {
  player: Player | null;
}

export class Cast {
  readonly members = signal<readonly Member[]>([]);

  constructor(
    private readonly room: string,
    private readonly token: () => string | null,
    private readonly via: Via,
    private readonly muted: ReadonlySignal<boolean>,
  ) {
    effect(() => {
      const silent = this.muted.value;
      for (const { player } of this.members.value) player?.setMuted(silent);
    });
  }

  /** Who is on stage now, and which slot is the viewer's own. Whoever stays keeps the player. */
  follow(guests: readonly OnStage[], own: string | null): void {
    const before = this.members.peek();
    const members = guests.map((guest) => before.find((each) => isSame(each, guest, own)) ?? this.enter(guest, own));
    for (const gone of before) if (!members.includes(gone)) gone.player?.follow("ended");
    if (members.length !== before.length || members.some((each, n) => each !== before[n])) this.members.value = members;
  }

  /** The room's connection was lost: what breaks now says nothing about the protocol. */
  linkLost(): void {
    for (const { player } of this.members.peek()) player?.linkLost();
  }

  private enter(guest: OnStage, own: string | null): Member {
    if (guest.slot === own) return { ...guest, player: null };
    const player = new Player(streamName(this.room, guest.slot), this.token, this.via);
    player.setMuted(this.muted.peek());
    player.follow("live");
    return { ...guest, player };
  }
}

/** A slot that is used again is another one's picture, and a player of its own. */
function isSame(member: Member, guest: OnStage, own: string | null): boolean {
  const sameGuest = member.slot === guest.slot && member.user.id === guest.user.id && member.since_ms === guest.since_ms;
  return sameGuest && (member.player === null) === (guest.slot === own);
}
