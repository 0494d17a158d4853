/** Verifies beside the page: a million entrants take a second or two. */
import { verify, type DrawFile, type Part, type Seen } from "./published";

export interface Question {
  source: { url: string } | { file: Blob };
  seen: Seen;
  /** The reader's own entry, to be found in the list. */
  mine: string | null;
}

export interface Verdict {
  wrong: Part[];
  /** Null if it isn't such a file at all. */
  file: Omit<DrawFile, "entries"> | null;
  /** Whether the reader's own entry is in the list; null if there is none to look for. */
  listed: boolean | null;
  ms: number;
}

export type Answer = { verdict: Verdict } | { failed: "unreachable" | "not_drawn" };

const worker = self as unknown as { onmessage: (event: MessageEvent<Question>) => void; postMessage: (answer: Answer) => void };

worker.onmessage = ({ data }) => void answer(data).then((found) => worker.postMessage(found));

async function answer({ source, seen, mine }: Question): Promise<Answer> {
  let text: string;
  try {
    const response = "url" in source ? await fetch(source.url) : null;
    if (response && !response.ok) return { failed: response.status === 409 ? "not_drawn" : "unreachable" };
    text = await (response ?? ("file" in source ? source.file : new Blob())).text();
  } catch {
    return { failed: "unreachable" };
  }
  const began = performance.now();
  const file = parsed(text);
  const wrong = await verify(file, seen);
  const ms = performance.now() - began;
  if (wrong.includes("format")) return { verdict: { wrong, file: null, listed: null, ms } };
  const { entries, ...rest } = file as DrawFile;
  return { verdict: { wrong, file: rest, listed: mine === null ? null : entries.some((line) => line.startsWith(`${mine}:`)), ms } };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
