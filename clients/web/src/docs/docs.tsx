/** The HTTP API, readable: rendered from the node's own OpenAPI document. */
import { useEffect, useMemo, useState } from "preact/hooks";

import { Logo } from "../ui/basics";
import "./docs.css";
import { search, sections, type Document, type Section } from "./openapi";
import { Entry, Prose } from "./operation";

type State = Document | "failed" | null;

export function Docs() {
  const [state, setState] = useState<State>(null);
  const [query, setQuery] = useState("");
  useEffect(() => {
    fetch("/api/openapi.json")
      .then((answer) => (answer.ok ? (answer.json() as Promise<Document>) : Promise.reject(new Error(answer.statusText))))
      .then(setState, () => setState("failed"));
  }, []);
  const document_ = state === "failed" ? null : state;
  const all = useMemo(() => (document_ ? sections(document_) : []), [document_]);
  const shown = useMemo(() => (document_ ? search(all, query, document_) : []), [all, query, document_]);
  useToAnchor(document_ !== null);
  useSlashToSearch();
  return (
    <>
      <header class="bar docs-bar">
        <Logo />
        <input
          id="search"
          class="input"
          type="search"
          placeholder="Search: buy, webhooks, price_minor…"
          aria-label="Search the API"
          value={query}
          onInput={(event) => setQuery(event.currentTarget.value)}
        />
      </header>
      <div class="docs">
        <nav class="docs-nav" aria-label="Operations">
          <Index sections={shown} />
        </nav>
        <main class="docs-main">
          {state === null && <p class="quiet">Reading the description…</p>}
          {state === "failed" && <p class="quiet">The description can't be read. Reload the page to try again.</p>}
          {document_ && !query && <Intro document={document_} />}
          {document_ && shown.length === 0 && <p class="quiet">Nothing here has that in it.</p>}
          {document_ &&
            shown.map((section) => (
              <section key={section.id} id={section.id} class="docs-section">
                <h2>{section.tag}</h2>
                {section.operations.map((operation) => (
                  <Entry key={operation.id} operation={operation} document={document_} />
                ))}
              </section>
            ))}
        </main>
      </div>
    </>
  );
}

/** As in docs.css: where the list is at the side it is open, where it is above everything it is not. */
const isWide = matchMedia("(min-width: 861px)").matches;

function Index({ sections: shown }: { sections: Section[] }) {
  return (
    <>
      {shown.map((section) => (
        <details key={section.id} open={isWide}>
          <summary>
            {section.tag} <span class="quiet">{section.operations.length}</span>
          </summary>
          <ul>
            {section.operations.map((operation) => (
              <li key={operation.id}>
                <a href={`#${operation.id}`} title={operation.summary}>
                  <span class={`method ${operation.isSent ? "sent" : operation.method}`}>
                    {operation.isSent ? "sent" : operation.method}
                  </span>
                  <span class="path">{shortPath(operation.path)}</span>
                </a>
              </li>
            ))}
          </ul>
        </details>
      ))}
    </>
  );
}

const shortPath = (path: string): string => path.replace(/^\/api\/v1/, "").replace(/^\/rooms\/\{room\}\/commands\//, "");

function Intro({ document }: { document: Document }) {
  const codes = document.components.schemas.Problem?.properties?.code?.enum ?? [];
  return (
    <div class="docs-intro">
      <h1>{document.info.title}, HTTP API</h1>
      <p>
        <Prose text={document.info.description ?? ""} />
      </p>
      <p>
        Send your token as <code>Authorization: Bearer …</code>; without one you are a guest. Times are Unix milliseconds, money is
        in minor units. A command that changes something takes an <code>Idempotency-Key</code>: the same key again gives the first
        answer again. Errors are problem details (RFC 9457), and <code>code</code> is one of these:
      </p>
      <details>
        <summary>{codes.length} error codes</summary>
        <p class="codes">
          {codes.map((code) => (
            <code key={String(code)}>{String(code)}</code>
          ))}
        </p>
      </details>
      <p class="small quiet">
        For machines: <a href="/api/openapi.json">openapi.json</a>, and <a href="/api/asyncapi.json">asyncapi.json</a> for the
        socket. Press <kbd>/</kbd> to search.
      </p>
    </div>
  );
}

/** The address may name an operation, which isn't there yet when the browser looks for it. */
function useToAnchor(isThere: boolean): void {
  useEffect(() => {
    if (isThere && location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
  }, [isThere]);
}

function useSlashToSearch(): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "/" || event.target instanceof HTMLInputElement) return;
      event.preventDefault();
      document.getElementById("search")?.focus();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
}
