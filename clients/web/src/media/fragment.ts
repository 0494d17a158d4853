/** SDP fragments of trickle ICE (RFC 8840), as WHIP and WHEP exchange them: pure text in, text out. */

export interface IceCredentials {
  ufrag: string;
  password: string;
}

export function credentialsOf(sdp: string): IceCredentials | null {
  const ufrag = /^a=ice-ufrag:(\S+)/m.exec(sdp)?.[1];
  const password = /^a=ice-pwd:(\S+)/m.exec(sdp)?.[1];
  return ufrag === undefined || password === undefined ? null : { ufrag, password };
}

/** What a client tells of itself: who it is, and its candidates so far. `sdp` is its local description. */
export function writeFragment(sdp: string, candidates: readonly string[], { complete = false } = {}): string {
  const ice = credentialsOf(sdp);
  const media = /^m=(audio|video) \S+ (\S+) (\d+)/m.exec(sdp);
  const mid = /^a=mid:(\S+)/m.exec(sdp)?.[1] ?? "0";
  const lines = [
    ...(/^a=group:BUNDLE .*/m.exec(sdp) ?? []),
    ...(ice ? [`a=ice-ufrag:${ice.ufrag}`, `a=ice-pwd:${ice.password}`] : []),
    `m=${media?.[1] ?? "video"} 9 ${media?.[2] ?? "UDP/TLS/RTP/SAVPF"} ${media?.[3] ?? "0"}`,
    `a=mid:${mid}`,
    ...candidates.map((candidate) => `a=${candidate}`),
    ...(complete ? ["a=end-of-candidates"] : []),
  ];
  return `${lines.join("\r\n")}\r\n`;
}

/** An answer after an ICE restart: the old one with the server's new credentials and candidates. */
export function withFragment(answer: string, fragment: string): string {
  const ice = credentialsOf(fragment);
  if (!ice) return answer;
  const candidates = fragment.match(/^a=(candidate:.*|end-of-candidates)/gm) ?? [];
  let placed = false;
  const lines: string[] = [];
  for (const line of answer.split(/\r?\n/)) {
    if (line.startsWith("a=candidate:") || line === "a=end-of-candidates") continue;
    if (line.startsWith("a=ice-ufrag:")) lines.push(`a=ice-ufrag:${ice.ufrag}`);
    else if (line.startsWith("a=ice-pwd:")) {
      lines.push(`a=ice-pwd:${ice.password}`, ...(placed ? [] : candidates));
      placed = true;
    } else lines.push(line);
  }
  return lines.join("\r\n");
}
