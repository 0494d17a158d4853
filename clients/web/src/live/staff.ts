/** What moderators and the host see beside the room's log: mutes, refused comments, orders, who did what. */
import { batch, computed, signal } from "@preact/signals";

import { ENDED, GIVEN, type Sanction, type SanctionKind } from "./sanction_wire";
import type { PictureHit, PictureOf } from "./picture_wire";
import type { SoundHit } from "./sound_wire";
import { ReviewSide } from "./review";
import type { ReviewItem } from "./review_wire";
import type { Guest } from "./stage_wire";
import type { NumberedEvent, Order, Staff } from "./wire";

export interface RecordingTrouble {
  recording: string;
  trouble: "slow" | "full" | "failed" | "nearly_full" | "quota";
}

const LOG_KEPT = 300;
const ORDERS_KEPT = 200;

export class StaffSide {
  /** In force, newest first: the room's, and those that were given everywhere since this page was opened. */
  readonly sanctions = signal<readonly Sanction[]>([]);
  readonly mutes = computed(() => this.sanctions.value.filter(({ kind }) => kind === "mute"));
  /** Staff events but orders, newest first. */
  readonly log = signal<readonly NumberedEvent[]>([]);
  /** Newest first. */
  readonly orders = signal<readonly Order[]>([]);
  /** Who waits for the stage or is on it, first come first. */
  readonly guests = signal<readonly Guest[]>([]);
  /** What waits for moderators. */
  readonly review = new ReviewSide();
  /** Called with each order that comes in live. */
  onOrder: ((order: Order) => void) | null = null;
  /** Called with each change of who waits for the stage or is on it, as it comes in live. */
  onGuest: ((guest: Guest) => void) | null = null;

  /** What was last said to be missing from a recording, if anything. */
  readonly recordingTrouble = signal<RecordingTrouble | null>(null);
  /** Called when a recording is complete, or has come to nothing. */
  onRecording: ((status: "ready" | "failed") => void) | null = null;

  /** What checks have found in pictures that nobody has cleared or put away yet: the newest of each picture. */
  readonly pictureHits = signal<readonly PictureHit[]>([]);
  /** The same of what was heard. */
  readonly soundHits = signal<readonly SoundHit[]>([]);

  private last = 0;

  get seq(): number {
    return this.last;
  }

  entered(staff: Staff): void {
    for (const event of staff.items) this.apply(event);
    this.sanctions.value = staff.sanctions ?? staff.mutes;
    this.guests.value = staff.guests ?? [];
    for (const order of staff.orders ?? []) this.addOrder(order);
    if (staff.review) this.review.entered(staff.review);
    this.last = staff.seq;
  }

  take(event: NumberedEvent): void {
    if (event.seq <= this.last) return;
    this.last = event.seq;
    batch(() => this.apply(event));
    if (event.kind === "guest") this.onGuest?.(event.data.guest as Guest);
    if (event.kind === "order") this.onOrder?.(event.data.order as Order);
    if (event.kind === "recording") this.onRecording?.((event.data.recording as { status: "ready" | "failed" }).status);
  }

  /** Stop showing what was heard in that stream, until something is heard again. */
  putSoundAway(stream: PictureOf): void {
    this.soundHits.value = this.soundHits.value.filter((hit) => hit.stream !== stream);
  }

  /** Stop showing what was found in that picture, until something is found again. */
  putAway(stream: PictureOf): void {
    this.pictureHits.value = this.pictureHits.value.filter((hit) => hit.stream !== stream);
  }

  /** What is in force on somebody. Those whose time is over count until the server says so. */
  on(user: string): Sanction[] {
    return this.sanctions.value.filter((sanction) => sanction.user.id === user);
  }

  has(user: string, kind: SanctionKind): boolean {
    return this.on(user).some((sanction) => sanction.kind === kind);
  }

  private apply(event: NumberedEvent): void {
    if (event.kind === "order" || event.kind === "order_address") {
      this.addOrder(event.data.order as Order);
      return;
    }
    if (event.kind === "guest") {
      this.addGuest(event.data.guest as Guest);
      return;
    }
    if (event.kind === "recording_trouble") {
      const said = event.data as unknown as { recording: string; trouble: RecordingTrouble["trouble"] | null };
      this.recordingTrouble.value = said.trouble === null ? null : { recording: said.recording, trouble: said.trouble };
      return;
    }
    if (event.kind === "recording") return;
    if (event.kind === "review") {
      this.review.take(event.data.item as ReviewItem);
      return;
    }
    if (event.kind in GIVEN) this.given(event.data.sanction as Sanction);
    if (event.kind in ENDED) {
      const gone = event.data.sanction ?? event.data.warning;
      this.sanctions.value = this.sanctions.value.filter(({ id }) => id !== gone);
    }
    this.hits(event);
    if (!this.log.value.some((known) => known.seq === event.seq)) {
      this.log.value = [event, ...this.log.value].sort((a, b) => b.seq - a.seq).slice(0, LOG_KEPT);
    }
  }

  /** What checks have found, and what was cleared of it. */
  private hits({ kind, data }: NumberedEvent): void {
    if (kind === "picture_hit" || kind === "picture_over") this.putAway(data.stream as PictureOf);
    if (kind === "picture_hit") this.pictureHits.value = [data as unknown as PictureHit, ...this.pictureHits.value];
    if (kind === "sound_hit" || kind === "sound_over") this.putSoundAway(data.stream as PictureOf);
    if (kind === "sound_hit") this.soundHits.value = [data as unknown as SoundHit, ...this.soundHits.value];
  }

  addOrder(order: Order): void {
    if (order.coins !== undefined) return; // an operator is told of top-ups, too
    const others = this.orders.value.filter((each) => each.id !== order.id);
    this.orders.value = [...others, order].sort((a, b) => b.created_at_ms - a.created_at_ms).slice(0, ORDERS_KEPT);
  }

  private addGuest(guest: Guest): void {
    const others = this.guests.value.filter((each) => each.user.id !== guest.user.id);
    const guests = guest.status === "gone" ? others : [...others, guest];
    this.guests.value = guests.sort((a, b) => a.at_ms - b.at_ms);
  }

  /** It takes the place of the one of its kind before, here or everywhere. */
  private given(sanction: Sanction): void {
    const { user, kind, everywhere } = sanction;
    const others = this.sanctions.value.filter(
      (each) => each.user.id !== user.id || each.kind !== kind || each.everywhere !== everywhere,
    );
    this.sanctions.value = [sanction, ...others];
  }
}
