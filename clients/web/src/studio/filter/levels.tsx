/** How much of each category of words is caught: a slider each, which says what its place means. */
import { useEffect, useState } from "preact/hooks";

import { isKey, t } from "../../i18n";
import { LEVEL_MAX, USUAL_LEVEL } from "../../live/rulebook";
import { Origin, type Held } from "./rulebook";

/** Product texts alone are held to these, by a measure of their own. */
const ELSEWHERE = "claims";

export function categoryName(category: string): string {
  const key = `filter.category.${category}`;
  return isKey(key) ? t(key) : category;
}

export function levelName(level: number): string {
  const key = `filter.level.${level}`;
  return isKey(key) ? t(key) : String(level);
}

export function Levels(held: Held) {
  const { book } = held;
  const found = book.categories.map(({ category }) => category);
  const named = Object.keys(book.rules.levels);
  const all = [...new Set([...found, ...named])].filter((category) => category !== ELSEWHERE).sort();
  return (
    <section class="stack" aria-labelledby="filter-levels">
      <h3 id="filter-levels">{t("filter.levels")}</h3>
      <p class="small quiet">{t("filter.levels.hint")}</p>
      <ul class="filter-grid">
        {all.map((category) => (
          <Level key={category} held={held} category={category} />
        ))}
      </ul>
    </section>
  );
}

function Level({ held, category }: { held: Held; category: string }) {
  const { book, place, busy } = held;
  const holds = book.rules.levels[category] ?? USUAL_LEVEL;
  const inherited = book.inherited.levels[category] ?? USUAL_LEVEL;
  const [shown, setShown] = useState(holds);
  useEffect(() => setShown(holds), [holds, book]);
  const entries = book.categories.find((each) => each.category === category)?.entries ?? 0;
  const firm = place.room !== null && (book.firm.includes("levels") || book.firm.includes(`levels.${category}`));
  const least = firm ? inherited : 0;
  /** Where the slider is, or as low as it may be: it is put there itself, as the state may be that already. */
  const move = (slider: HTMLInputElement): number => {
    const wanted = Math.max(Number(slider.value), least);
    slider.value = String(wanted);
    setShown(wanted);
    return wanted;
  };
  const choose = (slider: HTMLInputElement) => {
    const wanted = move(slider);
    if (wanted !== holds) held.change({ levels: { [category]: wanted } });
  };
  const id = `level-${category}`;
  return (
    <li class="filter-row">
      <label class="label" for={id}>
        {categoryName(category)} <span class="small quiet numbers">{t("filter.entries", { n: entries })}</span>
      </label>
      <input
        id={id}
        class="slider"
        type="range"
        min={0}
        max={LEVEL_MAX}
        step={1}
        value={shown}
        disabled={busy}
        aria-valuetext={levelName(shown)}
        onInput={(event) => move(event.currentTarget)}
        onChange={(event) => choose(event.currentTarget)}
        data-testid={id}
      />
      <output class={`level-meaning at-${shown}`} for={id}>
        {levelName(shown)}
      </output>
      <Origin held={held} name={`levels.${category}`} own={book.own.levels?.[category] !== undefined} inherited={levelName(inherited)} />
    </li>
  );
}
