/** One's own picture: cut square here, so that little is sent; the server cuts and checks whatever comes. */
import { json } from "./api";
import { offline, Refusal, refusalOf } from "./errors";

const PATH = "/api/v1/me/avatar";
/** Twice what the server keeps, for the sake of what it makes of it. */
const SIDE = 512;

/** The middle of a picture. Throws a `Refusal` for what this browser can't read. */
export async function squareOf(file: Blob): Promise<Blob> {
  const image = await createImageBitmap(file).catch(() => {
    throw new Refusal({ code: "bad_picture", message: "This is no picture.", temporary: false });
  });
  const { x, y, side } = middle(image.width, image.height);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = Math.min(SIDE, side);
  canvas.getContext("2d")?.drawImage(image, x, y, side, side, 0, 0, canvas.width, canvas.height);
  image.close();
  return new Promise((resolve, reject) => {
    const take = (blob: Blob | null) =>
      blob ? resolve(blob) : reject(new Refusal({ code: "bad_picture", message: "It can't be drawn.", temporary: false }));
    canvas.toBlob(take, "image/webp", 0.92); // where there is no WebP it is a PNG
  });
}

/** The largest square in the middle. */
export function middle(width: number, height: number): { x: number; y: number; side: number } {
  const side = Math.min(width, height);
  return { x: Math.floor((width - side) / 2), y: Math.floor((height - side) / 2), side };
}

/** Shows the picture from now on; `progress` is told of how much has been sent, from 0 to 1. */
export function setAvatar(picture: Blob, token: string | null, progress: (sent: number) => void): Promise<{ avatar: string }> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", PATH);
    request.setRequestHeader("Content-Type", picture.type);
    if (token) request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.upload.onprogress = ({ loaded, total }) => progress(total > 0 ? loaded / total : 0);
    request.onerror = () => reject(offline());
    request.onload = () => {
      const headers = new Headers();
      const retry = request.getResponseHeader("Retry-After");
      if (retry) headers.set("Retry-After", retry);
      const response = new Response(request.responseText, { status: request.status, headers });
      if (response.ok) resolve(response.json() as Promise<{ avatar: string }>);
      else refusalOf(response).then(reject, reject);
    };
    request.send(picture);
  });
}

export function clearAvatar(token: string | null): Promise<object> {
  return json(PATH, { method: "DELETE", token });
}
