/** "1:05" or "1:02:30" in ms; null for what isn't a time. */
export function timeOf(text: string): number | null {
  const parts = /^(?:(\d{1,3}):)?(\d{1,3}):([0-5]\d)(?:\.(\d{1,3}))?$/.exec(text.trim());
  if (!parts) return null;
  const [, hours = "0", minutes = "0", seconds = "0", rest = ""] = parts;
  return ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000 + Number(rest.padEnd(3, "0"));
}
