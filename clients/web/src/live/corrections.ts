/** What later events of a room take back of its comments: deleted, masked, purged, without a picture. Pure. */
import type { LiveEvent } from "./wire";

interface Quoted {
  id: string;
  text: string;
  /** Whose words, and their place; old quotes don't say. */
  user?: string;
  offset?: number;
}

type Change = (comment: LiveEvent) => LiveEvent | null;

/** What an event does to a comment (null: nothing is left of it); undefined if it takes nothing back. */
export function correction(event: LiveEvent): Change | undefined {
  const { id, text, user, from, to } = event.data as { id: string; text: string; user: string; from: number; to: number };
  switch (event.kind) {
    case "comment.deleted":
      return (comment) => (comment.id === id ? null : requoted(comment, (quoted) => (quoted.id === id ? "" : undefined)));
    case "comment.masked":
      return (comment) =>
        comment.id === id
          ? { ...comment, data: { ...comment.data, text, masked: true } }
          : requoted(comment, (quoted) => (quoted.id === id ? text : undefined));
    case "comment.purged": {
      const taken = (whose: string | undefined, offset: number) => whose === user && from <= offset && offset <= to;
      return (comment) =>
        taken(comment.user?.id, comment.offset)
          ? null
          : requoted(comment, (quoted) => (taken(quoted.user ?? user, quoted.offset ?? to) ? "" : undefined));
    }
    case "avatar.removed":
      return (comment) => (comment.user?.id === user ? faceless(comment) : comment);
    default:
      return undefined;
  }
}

/** The comments after an event; the same list if it says nothing of them. */
export function corrected(comments: readonly LiveEvent[], event: LiveEvent): readonly LiveEvent[] {
  const change = correction(event);
  if (!change) return comments;
  const after = comments.map(change);
  if (after.every((comment, n) => comment === comments[n])) return comments;
  return after.filter((comment) => comment !== null);
}

/** What somebody said, without the picture beside it. */
function faceless(comment: LiveEvent): LiveEvent {
  if (!comment.user?.avatar) return comment;
  const user = { ...comment.user };
  delete user.avatar;
  return { ...comment, user };
}

/** A reply keeps its place, with other words of what it quotes; `words` gives them, or undefined. */
function requoted(comment: LiveEvent, words: (quoted: Quoted) => string | undefined): LiveEvent {
  const quoted = comment.data.reply_to as Quoted | undefined;
  const text = quoted && words(quoted);
  if (text === undefined || text === quoted?.text) return comment;
  return { ...comment, data: { ...comment.data, reply_to: { ...quoted, text } } };
}
