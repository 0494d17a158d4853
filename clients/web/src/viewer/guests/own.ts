/** The viewer's own picture on the way to the stage and on it: devices, publishing, and letting go of both. */
import { computed, signal } from "@preact/signals";

import type { Room } from "../../live/room";
import { streamName } from "../../live/stage_wire";
import { capture, CaptureError, stopAll, type CaptureTrouble } from "../../media/capture";
import { Publisher, type Air } from "../../media/publisher";

export class OwnPicture {
  readonly stream = signal<MediaStream | null>(null);
  readonly opening = signal(false);
  readonly trouble = signal<CaptureTrouble | null>(null);
  readonly micOn = signal(true);
  readonly cameraOn = signal(true);
  /** The slot that this page publishes to. */
  readonly slot = signal<string | null>(null);
  readonly air = computed<Air>(() => this.publisher.value?.air.value ?? "off");

  private readonly publisher = signal<Publisher | null>(null);
  private readonly publishers = new Map<string, Publisher>();

  constructor(private readonly room: Room) {}

  /** Asks for camera and microphone; the sound of the others is taken out of the microphone's. */
  async open(): Promise<void> {
    if (this.opening.value || this.stream.value) return;
    this.opening.value = true;
    this.trouble.value = null;
    try {
      this.stream.value = await capture({ source: "camera", orientation: "portrait", camera: null, microphone: null });
      this.micOn.value = this.cameraOn.value = true;
    } catch (thrown) {
      this.trouble.value = thrown instanceof CaptureError ? thrown.trouble : "other";
    } finally {
      this.opening.value = false;
    }
  }

  /** Accepts the invitation and publishes. Throws a Refusal: of the answer, or of the picture. */
  async go(): Promise<void> {
    const stream = this.stream.value;
    if (!stream) return;
    const { guest } = await this.room.send("guest.answer", { accept: true });
    if (!guest?.slot) return;
    const publisher = this.publisherOf(guest.slot);
    this.publisher.value = publisher;
    this.slot.value = guest.slot;
    // Whatever this viewer published before a reload makes way.
    await publisher.start(stream, { takeover: true });
    if (publisher.trouble.value) throw publisher.trouble.value;
  }

  /** Ends the picture, if there is one, and frees the devices. */
  release(): void {
    if (this.air.peek() !== "off") void this.publisher.peek()?.stop();
    this.publisher.value = null;
    this.slot.value = null;
    stopAll(this.stream.peek());
    this.stream.value = null;
    this.trouble.value = null;
  }

  toggle(kind: "audio" | "video"): void {
    const on = kind === "audio" ? this.micOn : this.cameraOn;
    on.value = !on.value;
    for (const track of this.stream.value?.getTracks() ?? []) if (track.kind === kind) track.enabled = on.value;
  }

  private publisherOf(slot: string): Publisher {
    let publisher = this.publishers.get(slot);
    if (!publisher) {
      publisher = new Publisher(streamName(this.room.id, slot), () => this.room.publishToken(slot));
      this.publishers.set(slot, publisher);
    }
    return publisher;
  }
}
