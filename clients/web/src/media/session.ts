/** What WHIP (RFC 9725) and WHEP have in common: an offer goes up, an answer and a resource come back. */
import { offline, refusalOf } from "../live/errors";

/** Candidates are sent with the offer: on a host's own interfaces gathering takes milliseconds. */
const GATHERING_MS = 1_000;

export interface Negotiated {
  /** The session's resource, to DELETE; null if the server named none. */
  resource: string | null;
}

export interface Endpoint {
  url: string;
  bearer: string | null;
  headers?: Record<string, string>;
}

/**
 * Posts the connection's offer and applies the answer, after `adapt`.
 *
 * Throws a Refusal with the server's code (or `offline`), or an AbortError.
 */
export async function negotiate(
  pc: RTCPeerConnection,
  endpoint: Endpoint,
  abort: AbortSignal,
  adapt: (answer: string) => string = (answer) => answer,
): Promise<Negotiated> {
  await pc.setLocalDescription();
  await gathered(pc);
  abort.throwIfAborted();
  let response: Response;
  try {
    response = await fetch(endpoint.url, {
      method: "POST",
      headers: { "Content-Type": "application/sdp", ...bearerHeader(endpoint.bearer), ...endpoint.headers },
      body: pc.localDescription?.sdp ?? "",
      signal: abort,
    });
  } catch (thrown) {
    abort.throwIfAborted();
    throw thrown instanceof TypeError ? offline() : thrown;
  }
  if (response.status !== 201) throw await refusalOf(response);
  const location = response.headers.get("Location");
  const resource = location === null ? null : new URL(location, new URL(endpoint.url, window.location.href)).href;
  const sdp = await response.text();
  if (abort.aborted) {
    void end(resource, endpoint.bearer);
    abort.throwIfAborted();
  }
  await pc.setRemoteDescription({ type: "answer", sdp: adapt(sdp) });
  return { resource };
}

/**
 * Calls `closed` when the server has closed the connection (DTLS close_notify). The connection's own state
 * doesn't tell: it stays "connected". To be called after `negotiate`.
 */
export function onClosedByServer(pc: RTCPeerConnection, closed: () => void): void {
  const [transceiver] = pc.getTransceivers();
  const transport = transceiver?.sender.transport ?? transceiver?.receiver.transport;
  transport?.addEventListener("statechange", () => {
    if (transport.state === "closed") closed();
  });
}

/** Ends a session and says whether the server confirmed it. The request outlives the page. */
export async function end(resource: string | null, bearer: string | null): Promise<boolean> {
  if (resource === null) return false;
  try {
    const response = await fetch(resource, { method: "DELETE", headers: bearerHeader(bearer), keepalive: true });
    return response.ok;
  } catch {
    return false;
  }
}

function bearerHeader(bearer: string | null): Record<string, string> {
  return bearer === null ? {} : { Authorization: `Bearer ${bearer}` };
}

function gathered(pc: RTCPeerConnection): Promise<void> {
  if (pc.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      pc.removeEventListener("icegatheringstatechange", check);
      resolve();
    };
    const check = () => {
      if (pc.iceGatheringState === "complete") done();
    };
    const timer = setTimeout(done, GATHERING_MS);
    pc.addEventListener("icegatheringstatechange", check);
  });
}
