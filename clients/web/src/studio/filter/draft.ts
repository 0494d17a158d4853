/** A word list as it is before it is saved. */
import type { Form } from "../../live/rulebook";

export interface Draft {
  name: string;
  form: Form;
  text: string;
  /** What was read; 0: a new list. */
  version: number;
}

/** A file's name as a list's, and the form that its ending says. */
export function draftOf(file: string, text: string): Draft {
  const [, stem = file, ending = ""] = /^(.*?)(?:\.([a-z]+))?$/i.exec(file) ?? [];
  const name = stem.toLowerCase().replace(/[^a-z0-9_]+/g, "_").replace(/^_+|_+$/g, "").slice(0, 32);
  const form = ending.toLowerCase() === "toml" || ending.toLowerCase() === "csv" ? (ending.toLowerCase() as Form) : "txt";
  return { name, form, text, version: 0 };
}
