/** One operation: what it takes, what it answers, and how to ask for it. */
import { Fragment } from "preact";

import type { Document, Operation, Parameter, Schema } from "./openapi";
import { bodyOf, bounds, inner, resolve, typeName } from "./openapi";

const DEEPEST = 4;

export function Entry({ operation, document }: { operation: Operation; document: Document }) {
  const { raw } = operation;
  const body = bodyOf(raw.requestBody?.content);
  const answers = Object.entries(raw.responses ?? {}).filter(([status]) => operation.isSent || status !== "default");
  return (
    <article id={operation.id} class="operation card">
      <h3>
        <span class={`method ${operation.isSent ? "sent" : operation.method}`}>{operation.isSent ? "sent" : operation.method}</span>
        <a class="path" href={`#${operation.id}`}>
          {operation.path}
        </a>
      </h3>
      <p>
        <Prose text={operation.summary} />
      </p>
      {!operation.isSent && <Parameters parameters={raw.parameters ?? []} document={document} />}
      {body && (
        <>
          <h4>
            Body <span class="quiet">{body.type}</span>
          </h4>
          <Fields schema={body.schema} document={document} />
        </>
      )}
      {answers.map(([status, answer]) => {
        const content = bodyOf(answer.content);
        return (
          <div key={status}>
            <h4>
              <span class="chip good">{status}</span> <span class="quiet">{answer.description}</span>
            </h4>
            {content && <Fields schema={content.schema} document={document} />}
          </div>
        );
      })}
      {!operation.isSent && <Example operation={operation} document={document} />}
    </article>
  );
}

function Parameters({ parameters, document }: { parameters: Parameter[]; document: Document }) {
  if (!parameters.length) return null;
  return (
    <>
      <h4>Parameters</h4>
      <dl class="fields">
        {parameters.map((parameter) => (
          <Row
            key={parameter.name}
            name={parameter.name}
            schema={parameter.schema ?? {}}
            note={parameter.in}
            required={parameter.required ?? false}
            description={parameter.description}
            document={document}
          />
        ))}
      </dl>
    </>
  );
}

function Fields({ schema, document, depth = 0 }: { schema: Schema; document: Document; depth?: number }) {
  const at = inner(schema, document);
  if (!at?.properties || !Object.keys(at.properties).length) return <p class="small quiet">{typeName(schema, document)}</p>;
  return (
    <dl class="fields">
      {Object.entries(at.properties).map(([name, field]) => {
        const within = depth < DEEPEST ? inner(field, document) : null;
        return (
          <Fragment key={name}>
            <Row
              name={name}
              schema={field}
              required={at.required?.includes(name) ?? false}
              description={field.description ?? resolve(field, document).description}
              document={document}
            />
            {within?.properties && (
              <dd class="within">
                <Fields schema={field} document={document} depth={depth + 1} />
              </dd>
            )}
          </Fragment>
        );
      })}
    </dl>
  );
}

interface RowOf {
  name: string;
  schema: Schema;
  required: boolean;
  document: Document;
  description?: string | undefined;
  note?: string;
}

function Row({ name, schema, required, document, description, note }: RowOf) {
  const alternatives = [resolve(schema, document), ...(schema.anyOf ?? []).map((one) => resolve(one, document))];
  const limits = alternatives.map(bounds).filter(Boolean).join(", ");
  return (
    <>
      <dt>
        <code>{name}</code>
        {required && <span class="required">required</span>}
      </dt>
      <dd>
        <span class="type">{typeName(schema, document)}</span>
        {note && <span class="quiet"> in {note}</span>}
        {limits && <span class="quiet"> · {limits}</span>}
        {description && (
          <div>
            <Prose text={description} />
          </div>
        )}
      </dd>
    </>
  );
}

/** Text with `code` in it. */
export function Prose({ text }: { text: string }) {
  return <>{text.split(/`+/).map((part, index) => (index % 2 ? <code key={index}>{part}</code> : part))}</>;
}

function Example({ operation, document }: { operation: Operation; document: Document }) {
  const body = bodyOf(operation.raw.requestBody?.content);
  const lines = [`curl -X ${operation.method.toUpperCase()} ${location.origin}${operation.path}`, '-H "Authorization: Bearer $TOKEN"'];
  if (operation.raw.parameters?.some((parameter) => parameter.name === "Idempotency-Key")) {
    lines.push('-H "Idempotency-Key: $(uuidgen)"');
  }
  if (body?.type === "application/json") {
    lines.push("-H 'Content-Type: application/json'", `-d '${JSON.stringify(sample(body.schema, document))}'`);
  } else if (body) {
    lines.push(`-H 'Content-Type: ${body.type}'`, "--data-binary @file");
  }
  return (
    <details class="example">
      <summary>Example</summary>
      <pre tabIndex={0}>{lines.join(" \\\n  ")}</pre>
    </details>
  );
}

/** A body with what must be in it. */
function sample(schema: Schema, document: Document, depth = 0): unknown {
  const at = resolve(schema, document);
  if (at.properties && depth < DEEPEST) {
    const wanted = Object.entries(at.properties).filter(([name]) => at.required?.includes(name));
    return Object.fromEntries(wanted.map(([name, field]) => [name, sample(field, document, depth + 1)]));
  }
  if (at.anyOf?.[0]) return sample(at.anyOf[0], document, depth + 1);
  if (at.type === "array" && at.items && depth < DEEPEST) return [sample(at.items, document, depth + 1)];
  return sampleValue(at);
}

function sampleValue(at: Schema): unknown {
  const given = at.const ?? at.enum?.[0] ?? at.default;
  if (given !== undefined && given !== null) return given;
  if (at.type === "integer" || at.type === "number") return at.minimum ?? 1;
  if (at.type === "boolean") return true;
  return at.format === "uri" ? "https://shop.example/hooks" : "…";
}
