/** A rulebook to look at and to change: a room's in the studio, the platform's on a page of its own. */
import { useEffect, useState } from "preact/hooks";

import { t } from "../../i18n";
import { errorText } from "../../i18n/errors";
import { asRefusal, type Refusal } from "../../live/errors";
import { changeRules, readRulebook, type Change, type Place, type Rulebook } from "../../live/rulebook";
import { Notice, Spinner } from "../../ui/basics";
import { toast, toastError } from "../../ui/toasts";
import { Levels } from "./levels";
import { Lists } from "./lists";
import { Measures } from "./measures";
import { Trial } from "./trial";
import "./filter.css";

/** What the parts of a rulebook are given. */
export interface Held {
  place: Place;
  book: Rulebook;
  busy: boolean;
  change: (change: Change) => void;
}

export function RulebookDesk({ place, onRefused }: { place: Place; onRefused?: (refusal: Refusal) => void }) {
  const [book, setBook] = useState<Rulebook | null>(null);
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  const [busy, setBusy] = useState(false);
  const read = () =>
    readRulebook(place).then(setBook, (thrown: unknown) => {
      setRefusal(asRefusal(thrown));
      onRefused?.(asRefusal(thrown));
    });
  useEffect(() => {
    void read();
    // It is read once; what changes it gives the new one.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [place.room]);
  if (refusal) {
    return (
      <div class="filter">
        <Notice tone="bad" icon="warn">
          {errorText(refusal)}
        </Notice>
      </div>
    );
  }
  if (!book) return <Spinner />;
  const change = async (wanted: Change) => {
    setBusy(true);
    try {
      setBook(await changeRules(place, wanted, book.version));
      toast(t("saved"));
    } catch (thrown) {
      const stale = asRefusal(thrown).code === "precondition_failed";
      if (stale) toast(t("filter.stale"), true);
      else toastError(thrown);
      await read(); // the controls show what holds
    } finally {
      setBusy(false);
    }
  };
  const held: Held = { place, book, busy, change: (wanted) => void change(wanted) };
  return (
    <div class="filter" data-testid="filter" data-version={book.version} aria-busy={busy}>
      <p class="quiet">{t(place.room === null ? "filter.intro.platform" : "filter.intro")}</p>
      <Trial place={place} version={book.version} />
      <Lists place={place} onChanged={() => void read()} />
      <Levels {...held} />
      <Measures {...held} />
    </div>
  );
}

/** Says what is the platform's and what is this room's own, and gives the own choice back. */
export function Origin({ held, name, own, inherited }: { held: Held; name: string; own: boolean; inherited: string }) {
  const { place, book, busy } = held;
  const firm = book.firm.includes(name) || (name.startsWith("levels.") && book.firm.includes("levels"));
  if (place.room === null) {
    const turn = () => held.change({ firm: firm ? book.firm.filter((each) => each !== name) : [...book.firm, name] });
    return (
      <label class="check small">
        <input type="checkbox" checked={firm} disabled={busy} onChange={turn} data-testid={`firm-${name}`} />
        {t("filter.firm")}
      </label>
    );
  }
  if (!own) return <span class="hint">{t(firm ? "filter.from_platform.firm" : "filter.from_platform")}</span>;
  const [field, category] = name.split(".");
  const back = () => held.change(category ? { levels: { [category]: null } } : { [field ?? name]: null });
  return (
    <span class="hint">
      {t(firm ? "filter.platform_says.firm" : "filter.platform_says", { value: inherited })}{" "}
      <button class="link" disabled={busy} onClick={back} data-testid={`reset-${name}`}>
        {t("filter.reset")}
        <span class="unseen"> ({inherited})</span>
      </button>
    </span>
  );
}
