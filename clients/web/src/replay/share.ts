/** A place of a recording in an address: `#t=754` or `#t=12m34s`, as other players have it. */

export function startOfAddress(): number {
  return placeOf(new URLSearchParams(location.hash.slice(1)).get("t") ?? "");
}

/** In ms; 0 for what makes no sense. */
export function placeOf(text: string): number {
  const plain = /^(\d{1,6}(?:\.\d{1,3})?)s?$/.exec(text);
  if (plain) return Number(plain[1]) * 1000;
  const parts = /^(?:(\d{1,3})h)?(?:(\d{1,4})m)?(?:(\d{1,6})s)?$/.exec(text);
  const [hours = 0, minutes = 0, seconds = 0] = (parts ?? []).slice(1).map((part) => parseInt(part, 10) || 0);
  return ((hours * 60 + minutes) * 60 + seconds) * 1000;
}

export function linkAt(ms: number): string {
  return `${location.origin}${location.pathname}#t=${Math.floor(ms / 1000)}`;
}
