/** Links in what the room's staff write. What others write stays plain text, whatever it looks like. */

const STAFF = new Set(["host", "moderator", "operator"]);
const ADDRESS = /https?:\/\/[^\s<>"'「」『』（）【】《》，。！？；、]+/g;
const TRAILING = /[.,!?;:)\]}]+$/;

export function isStaff(badges: readonly string[] | undefined): boolean {
  return (badges ?? []).some((badge) => STAFF.has(badge));
}

/** The text in pieces: those with `href` are addresses, as they stand there. */
export function pieces(text: string): { text: string; href?: string }[] {
  const found: { text: string; href?: string }[] = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = match[0].replace(TRAILING, "");
    if (!isSafe(address)) continue;
    if (match.index > end) found.push({ text: text.slice(end, match.index) });
    found.push({ text: address, href: address });
    end = match.index + address.length;
  }
  if (end < text.length) found.push({ text: text.slice(end) });
  return found;
}

/** With a name in front of its host (`https://shop@other.example`) an address isn't what it seems. */
function isSafe(address: string): boolean {
  try {
    const url = new URL(address);
    return (url.protocol === "https:" || url.protocol === "http:") && url.username === "" && url.password === "";
  } catch {
    return false;
  }
}

export function Linked({ text }: { text: string }) {
  return (
    <>
      {pieces(text).map((piece, at) =>
        piece.href ? (
          <a key={at} href={piece.href} target="_blank" rel="noopener noreferrer nofollow ugc" data-testid="comment-link">
            {piece.text}
          </a>
        ) : (
          piece.text
        ),
      )}
    </>
  );
}
