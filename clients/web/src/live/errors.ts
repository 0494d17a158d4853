import type { WireError } from "./wire";

/** A request was refused, by a code of the catalogue, or could not be made (`offline`). */
export class Refusal extends Error {
  readonly code: string;
  readonly temporary: boolean;
  readonly retryAfterMs: number | undefined;
  readonly details: unknown;

  constructor(error: WireError) {
    super(error.message);
    this.name = "Refusal";
    this.code = error.code;
    this.temporary = error.temporary;
    this.retryAfterMs = error.retry_after_ms;
    this.details = error.details;
  }

  /** A field of `details`, if it is an object that has it. */
  detail(name: string): unknown {
    const details = this.details;
    return typeof details === "object" && details !== null ? (details as Record<string, unknown>)[name] : undefined;
  }
}

export function offline(message = "The server can't be reached."): Refusal {
  return new Refusal({ code: "offline", message, temporary: true });
}

/** Any thrown value as a Refusal; what isn't one is a fault of ours or the network's. */
export function asRefusal(thrown: unknown): Refusal {
  if (thrown instanceof Refusal) return thrown;
  if (thrown instanceof TypeError) return offline(thrown.message);
  return new Refusal({ code: "internal", message: String(thrown), temporary: false });
}

/** The problem details of an HTTP answer (RFC 9457) as a Refusal. */
export async function refusalOf(response: Response): Promise<Refusal> {
  const retryAfter = Number(response.headers.get("Retry-After"));
  const fallback: WireError = {
    code: response.status === 503 ? "busy" : response.status === 404 ? "not_found" : "internal",
    message: `${response.status} ${response.statusText}`,
    temporary: response.status >= 500,
    ...(retryAfter > 0 ? { retry_after_ms: retryAfter * 1000 } : {}),
  };
  try {
    const problem = (await response.json()) as Partial<WireError> & { detail?: string; errors?: unknown };
    return new Refusal({
      ...fallback,
      ...problem,
      message: problem.detail ?? fallback.message,
      details: problem.details ?? problem.errors,
    });
  } catch {
    return new Refusal(fallback);
  }
}
