/** What becomes of texts that a check hits, and the other rules. */
import { useEffect, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";

import { t } from "../../i18n";
import { isTooMild, MEASURED, MEASURES, PICTURES, SOUNDS, type Rules } from "../../live/rulebook";
import { toast } from "../../ui/toasts";
import { Origin, type Held } from "./rulebook";

const DOMAIN = /^[^\s/:@.][^\s/:@]*\.[^\s/:@.]+$/;

export function Measures(held: Held) {
  return (
    <section class="stack" aria-labelledby="filter-measures">
      <h3 id="filter-measures">{t("filter.measures")}</h3>
      <ul class="filter-grid">
        {MEASURED.map((name) => (
          <Choice
            key={name}
            held={held}
            name={name}
            options={MEASURES}
            label={t(`filter.${name}`)}
            hint={t(`filter.${name}.hint`)}
            text={(measure) => t(`filter.measure.${measure}`)}
          />
        ))}
        <Choice
          held={held}
          name="picture"
          options={PICTURES}
          label={t("filter.picture")}
          hint={t("filter.picture.hint")}
          text={(measure) => t(`filter.picture.${measure}`)}
        />
        <Choice
          held={held}
          name="sound"
          options={SOUNDS}
          label={t("filter.sound")}
          hint={t("filter.sound.hint")}
          text={(measure) => t(`filter.picture.${measure}`)}
        />
      </ul>
      <Domains {...held} />
      <h3>{t("filter.people")}</h3>
      <ul class="filter-grid">
        <Count held={held} name="reports_to_queue" least={1} most={100} />
        <Count held={held} name="reports_to_hide" least={0} most={1000} />
        <Switch held={held} name="appeals" />
        <Switch held={held} name="ask_hook" />
      </ul>
    </section>
  );
}

type Field = Exclude<keyof Rules, "levels" | "links_allowed">;

function isFirm({ place, book }: Held, name: Field): boolean {
  return place.room !== null && book.firm.includes(name);
}

function Row({ held, name, inherited, children }: { held: Held; name: Field; inherited: string; children: ComponentChildren }) {
  return (
    <li class="filter-row">
      {children}
      <Origin held={held} name={name} own={held.book.own[name] !== undefined} inherited={inherited} />
    </li>
  );
}

function Choice<T extends string>({ held, name, options, label, hint, text }: {
  held: Held;
  name: Field;
  options: readonly T[];
  label: string;
  hint: string;
  text: (option: T) => string;
}) {
  const inherited = held.book.inherited[name] as T;
  const firm = isFirm(held, name);
  return (
    <Row held={held} name={name} inherited={text(inherited)}>
      <label class="label" for={`rule-${name}`}>
        {label}
      </label>
      <select
        id={`rule-${name}`}
        class="input"
        value={String(held.book.rules[name])}
        disabled={held.busy}
        aria-describedby={`rule-${name}-hint`}
        onChange={(event) => held.change({ [name]: event.currentTarget.value })}
        data-testid={`rule-${name}`}
      >
        {options.map((option) => (
          <option key={option} value={option} disabled={firm && isTooMild(options, option, inherited)}>
            {text(option)}
          </option>
        ))}
      </select>
      <span class="small quiet" id={`rule-${name}-hint`}>
        {hint}
      </span>
    </Row>
  );
}

function Count({ held, name, least, most }: { held: Held; name: "reports_to_queue" | "reports_to_hide"; least: number; most: number }) {
  const holds = held.book.rules[name];
  const [shown, setShown] = useState(String(holds));
  useEffect(() => setShown(String(holds)), [holds, held.book]);
  const leave = () => {
    const wanted = Number(shown);
    const fits = Number.isInteger(wanted) && wanted >= least && wanted <= most;
    if (!fits) setShown(String(holds));
    else if (wanted !== holds) held.change({ [name]: wanted });
  };
  return (
    <Row held={held} name={name} inherited={String(held.book.inherited[name])}>
      <label class="label" for={`rule-${name}`}>
        {t(`filter.${name}`)}
      </label>
      <input
        id={`rule-${name}`}
        class="input"
        type="number"
        min={least}
        max={most}
        value={shown}
        disabled={held.busy}
        onInput={(event) => setShown(event.currentTarget.value)}
        onChange={leave}
        data-testid={`rule-${name}`}
      />
      <span class="small quiet">{t(`filter.${name}.hint`)}</span>
    </Row>
  );
}

function Switch({ held, name }: { held: Held; name: "appeals" | "ask_hook" }) {
  const inherited = held.book.inherited[name];
  const text = (on: boolean) => t(on ? "filter.on" : "filter.off");
  return (
    <Row held={held} name={name} inherited={text(inherited)}>
      <label class="check">
        <input
          type="checkbox"
          checked={held.book.rules[name]}
          disabled={held.busy || (isFirm(held, name) && inherited)}
          onChange={(event) => held.change({ [name]: event.currentTarget.checked })}
          data-testid={`rule-${name}`}
        />
        {t(`filter.${name}`)}
      </label>
      <span class="small quiet">{t(`filter.${name}.hint`)}</span>
    </Row>
  );
}

function Domains(held: Held) {
  const { book, busy } = held;
  const own = (book.own.links_allowed ?? []).join("\n");
  const above = held.place.room === null ? [] : book.inherited.links_allowed;
  const [shown, setShown] = useState(own);
  useEffect(() => setShown(own), [own]);
  const save = (event: Event) => {
    event.preventDefault();
    const wanted = [...new Set(shown.split(/[\s,，]+/).filter(Boolean).map((each) => each.toLowerCase()))];
    const bad = wanted.find((each) => !DOMAIN.test(each));
    if (bad !== undefined) toast(t("filter.domains.bad", { domain: bad }), true);
    else held.change({ links_allowed: wanted.length ? wanted : null });
  };
  return (
    <form class="field" onSubmit={save}>
      <label class="label" for="links-allowed">
        {t("filter.domains")}
      </label>
      <textarea
        id="links-allowed"
        class="input"
        rows={3}
        value={shown}
        spellcheck={false}
        placeholder="shop.example.com"
        aria-describedby="links-allowed-hint"
        onInput={(event) => setShown(event.currentTarget.value)}
        data-testid="links-allowed"
      />
      <span class="hint" id="links-allowed-hint">
        {t("filter.domains.hint")}
        {above.length > 0 && ` ${t("filter.domains.platform", { domains: above.join(", ") })}`}
        {isFirm(held, "links") && ` ${t("filter.domains.firm")}`}
      </span>
      <button class="button outline little" disabled={busy || shown === own} data-testid="links-save">
        {t("save")}
      </button>
    </form>
  );
}
