/** What WHIP (RFC 9725) and WHEP have in common: an offer goes up, an answer and a resource come back. */
import { offline, refusalOf } from "../live/errors";
import { iceServers } from "./links";
import { bearerHeader, Resource, type Endpoint } from "./resource";

export type { Endpoint, Resource } from "./resource";

/**
 * Posts the connection's offer and applies the answer, after `adapt`. The offer goes out without candidates:
 * TURN servers come with the answer, so gathering begins after it, and what turns up is told by the resource.
 *
 * Throws a Refusal with the server's code (or `offline`), or an AbortError.
 */
export async function negotiate(
  pc: RTCPeerConnection,
  endpoint: Endpoint,
  abort: AbortSignal,
  adapt: (answer: string) => string = (answer) => answer,
): Promise<Resource> {
  const offer = await pc.createOffer();
  abort.throwIfAborted();
  const response = await post(endpoint, offer.sdp ?? "", abort);
  if (response.status !== 201) throw await refusalOf(response);
  const resource = new Resource(pc, endpoint, response.headers);
  try {
    const answer = adapt(await response.text());
    abort.throwIfAborted();
    const servers = iceServers(response.headers.get("Link"));
    if (servers.length > 0) pc.setConfiguration({ ...pc.getConfiguration(), iceServers: servers });
    await pc.setLocalDescription(offer);
    await pc.setRemoteDescription({ type: "answer", sdp: answer });
    resource.begin(answer);
    return resource;
  } catch (thrown) {
    void resource.end();
    throw thrown;
  }
}

async function post(endpoint: Endpoint, body: string, abort: AbortSignal): Promise<Response> {
  const bearer = bearerHeader(await endpoint.bearer());
  abort.throwIfAborted();
  try {
    return await fetch(endpoint.url, {
      method: "POST",
      headers: { "Content-Type": "application/sdp", ...bearer, ...endpoint.headers },
      body,
      signal: abort,
    });
  } catch (thrown) {
    abort.throwIfAborted();
    throw thrown instanceof TypeError ? offline() : thrown;
  }
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
