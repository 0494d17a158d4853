/**
 * The list of comments as one viewer sees it: those shown to all, and the viewer's own, which come with the
 * acknowledgement and may not be shown to others. Ordered by offset, each id once.
 */
import type { LiveEvent } from "./wire";

export type Timeline = readonly LiveEvent[];

/** `timeline` with `comments` in their places; at most `kept` of the newest remain. */
export function withComments(timeline: Timeline, comments: readonly LiveEvent[], kept: number): Timeline {
  const known = new Set(timeline.map((comment) => comment.id));
  const fresh = comments.filter((comment) => {
    if (known.has(comment.id) || comment.data.deleted === true) return false;
    known.add(comment.id);
    return true;
  });
  if (fresh.length === 0) return timeline;
  const all = [...timeline, ...fresh];
  const last = timeline.at(-1)?.offset ?? 0;
  if (fresh.some((comment, i) => comment.offset < (fresh[i - 1]?.offset ?? last))) {
    all.sort((a, b) => a.offset - b.offset);
  }
  return all.slice(-kept);
}

export function withoutComments(timeline: Timeline, ids: ReadonlySet<string>): Timeline {
  const left = timeline.filter((comment) => !ids.has(comment.id));
  return left.length === timeline.length ? timeline : left;
}
