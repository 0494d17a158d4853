/** Camera, microphone and screen; and what is wrong when they can't be had, in terms a person can act on. */

export type Source = "camera" | "screen";
export type Orientation = "portrait" | "landscape";

export interface Wish {
  source: Source;
  orientation: Orientation;
  camera: string | null;
  microphone: string | null;
}

/** Each has an advice of its own in the texts. */
export type CaptureTrouble = "insecure" | "unsupported" | "denied" | "cancelled" | "busy" | "missing" | "other";

export class CaptureError extends Error {
  constructor(
    readonly trouble: CaptureTrouble,
    message: string,
  ) {
    super(message);
    this.name = "CaptureError";
  }
}

export interface Devices {
  cameras: MediaDeviceInfo[];
  microphones: MediaDeviceInfo[];
}

/** Throws CaptureError. */
export async function capture(wish: Wish): Promise<MediaStream> {
  if (!isSecureContext) throw new CaptureError("insecure", "a camera needs HTTPS or localhost");
  if (!("mediaDevices" in navigator)) throw new CaptureError("unsupported", "this browser has no camera access");
  try {
    return wish.source === "screen" ? await captureScreen(wish) : await captureCamera(wish);
  } catch (thrown) {
    throw new CaptureError(troubleOf(thrown, wish.source), String(thrown));
  }
}

export function troubleOf(thrown: unknown, source: Source): CaptureTrouble {
  switch (thrown instanceof Error || thrown instanceof DOMException ? thrown.name : "") {
    case "NotAllowedError":
      return source === "screen" ? "cancelled" : "denied";
    case "SecurityError":
      return "denied";
    case "NotReadableError":
    case "AbortError":
      return "busy";
    case "NotFoundError":
    case "OverconstrainedError":
      return "missing";
    case "TypeError":
      return "unsupported";
    default:
      return "other";
  }
}

/** Names are there only once a capture was allowed. */
export async function devices(): Promise<Devices> {
  const all = await navigator.mediaDevices.enumerateDevices();
  const real = all.filter((device) => device.deviceId !== "" && device.deviceId !== "communications");
  return {
    cameras: real.filter((device) => device.kind === "videoinput"),
    microphones: real.filter((device) => device.kind === "audioinput"),
  };
}

export function stopAll(stream: MediaStream | null): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

async function captureCamera(wish: Wish): Promise<MediaStream> {
  const portrait = wish.orientation === "portrait";
  const stream = await navigator.mediaDevices.getUserMedia({
    video: {
      ...(wish.camera === null ? { facingMode: "user" } : { deviceId: { exact: wish.camera } }),
      width: { ideal: portrait ? 720 : 1280 },
      height: { ideal: portrait ? 1280 : 720 },
      aspectRatio: { ideal: portrait ? 9 / 16 : 16 / 9 },
      frameRate: { ideal: 30, max: 30 },
    },
    audio: sound(wish.microphone),
  });
  hint(stream, "motion");
  return stream;
}

/** The screen with a voice: the microphone's, since not every system shares its sound. */
async function captureScreen(wish: Wish): Promise<MediaStream> {
  const screen = await navigator.mediaDevices.getDisplayMedia({
    video: { width: { max: 1280 }, height: { max: 1280 }, frameRate: { ideal: 30, max: 30 } },
  });
  hint(screen, "detail");
  try {
    const voice = await navigator.mediaDevices.getUserMedia({ audio: sound(wish.microphone) });
    for (const track of voice.getAudioTracks()) screen.addTrack(track);
  } catch {
    // A screen without a voice is still worth showing; the level meter says that there is no sound.
  }
  return screen;
}

function sound(microphone: string | null): MediaTrackConstraints {
  return {
    ...(microphone === null ? {} : { deviceId: { exact: microphone } }),
    echoCancellation: true,
    noiseSuppression: true,
    autoGainControl: true,
  };
}

function hint(stream: MediaStream, contentHint: string): void {
  for (const track of stream.getVideoTracks()) track.contentHint = contentHint;
}
