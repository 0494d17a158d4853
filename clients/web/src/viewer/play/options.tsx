/** Options to choose from, each with a bar of how many chose it, once that is known. */
import { t } from "../../i18n";
import { Icon } from "../../ui/icon";
import "./quiz.css";

interface OptionsProps {
  label: string;
  options: readonly string[];
  counts: readonly number[] | null;
  /** What the counts are parts of; all of them together if it isn't given. */
  whole?: number;
  chosen: ReadonlySet<number>;
  right?: number | null;
  /** Null: nothing can be chosen now. */
  onChoose: ((option: number) => void) | null;
}

export function Options({ label, options, counts, whole, chosen, right = null, onChoose }: OptionsProps) {
  const all = whole ?? counts?.reduce((sum, count) => sum + count, 0) ?? 0;
  return (
    <ul class="quiz-options" aria-label={label}>
      {options.map((option, n) => {
        const count = counts?.[n] ?? 0;
        return (
          <li key={n}>
            <button
              type="button"
              class={optionClass(n, chosen, right)}
              style={{ "--share": counts && all ? count / all : 0 }}
              disabled={onChoose === null}
              aria-pressed={chosen.has(n)}
              onClick={() => onChoose?.(n)}
              data-testid="play-option"
              data-count={counts ? count : ""}
            >
              <span class="quiz-option-text">{option}</span>
              {right === n && <Icon name="check" size={18} />}
              {right === n && <span class="unseen">{t("quiz.option.right")}</span>}
              {chosen.has(n) && <span class="unseen">{t("quiz.option.chosen")}</span>}
              {counts && <span class="numbers small">{count}</span>}
            </button>
          </li>
        );
      })}
    </ul>
  );
}

function optionClass(n: number, chosen: ReadonlySet<number>, right: number | null): string {
  const mine = chosen.has(n);
  const judged = right === null ? "" : right === n ? " right" : mine ? " wrong" : "";
  return `quiz-option${mine ? " mine" : ""}${judged}`;
}
