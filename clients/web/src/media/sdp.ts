/**
 * The answer with a bitrate to start from. Without the server's bandwidth estimates Chromium begins at 300 kbit/s
 * and takes a quarter of a minute to show a sharp picture; this parameter is its own, others ignore it.
 */
export function withStartBitrate(answer: string, kbps: number): string {
  const parameter = `x-google-start-bitrate=${kbps}`;
  const payloadType = /^m=video \S+ \S+ (\d+)/m.exec(answer)?.[1];
  if (payloadType === undefined) return answer;
  const fmtp = new RegExp(`^(a=fmtp:${payloadType} [^\\r\\n]*)`, "m");
  if (fmtp.test(answer)) return answer.replace(fmtp, `$1;${parameter}`);
  const rtpmap = new RegExp(`^(a=rtpmap:${payloadType} [^\\r\\n]*)(\\r?\\n)`, "m");
  return answer.replace(rtpmap, `$1$2a=fmtp:${payloadType} ${parameter}$2`);
}
