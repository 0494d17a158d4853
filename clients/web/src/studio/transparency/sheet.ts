/** The numbers as a file for spreadsheets, and saving files. */
import type { Numbers } from "./wire";

type Cell = string | number | null;

/** What begins like a formula is no formula, whatever an action may be called one day. */
function cell(value: Cell): string {
  const text = value === null ? "" : String(value);
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** One table under another, told apart by the first column. */
export function numbersSheet(numbers: Numbers): string {
  const { false_positives: wrong } = numbers;
  const rows: Cell[][] = [["table", "what", "by", "count"]];
  for (const { day, filter, acted, decided } of numbers.days) {
    rows.push(["day", day, "filter", filter], ["day", day, "acted", acted], ["day", day, "decided", decided]);
  }
  for (const { action, by } of numbers.actions) {
    for (const [role, count] of Object.entries(by)) rows.push(["action", action, role, count]);
  }
  for (const [code, verdicts] of Object.entries(numbers.filter_codes)) {
    for (const [verdict, count] of Object.entries(verdicts)) rows.push(["category", code, verdict, count]);
  }
  for (const name of ["held", "reports", "appeals"] as const) {
    const { response, ...decided } = numbers[name];
    for (const [what, count] of Object.entries(decided)) rows.push(["decision", name, what, count]);
    rows.push(["response_ms", name, "p50", response.p50_ms], ["response_ms", name, "p90", response.p90_ms]);
  }
  rows.push(["false_positives", "undone", "", wrong.count], ["false_positives", "judged", "", wrong.of]);
  return `\uFEFF${rows.map((row) => row.map(cell).join(",")).join("\r\n")}\r\n`;
}

/** Have the browser keep a file. */
export function save(file: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  // Not at once: the browser may not have begun to read it.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
