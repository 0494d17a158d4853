/** What `Link` headers of WHIP and WHEP say (RFC 8288; RFC 9725, 4.6). */

/** TURN and STUN servers to use. Several links of one server and user become one entry. */
export function iceServers(header: string | null): RTCIceServer[] {
  const servers: RTCIceServer[] = [];
  for (const [, url = "", rest = ""] of (header ?? "").matchAll(/<([^>]*)>((?:\s*;\s*[\w-]+=(?:"[^"]*"|[^\s";,]+))*)/g)) {
    const said = new Map(
      [...rest.matchAll(/([\w-]+)=(?:"([^"]*)"|([^\s";,]+))/g)].map(([, name = "", quoted, bare]) => [
        name.toLowerCase(),
        quoted ?? bare ?? "",
      ]),
    );
    if (said.get("rel") !== "ice-server" || !/^(stun|turn)s?:/.test(url)) continue;
    const username = said.get("username");
    const credential = said.get("credential");
    servers.push(username !== undefined && credential !== undefined ? { urls: url, username, credential } : { urls: url });
  }
  return servers;
}
