import type { SequenceFacts } from "../../api/sequencePlot";
import { t } from "../../i18n";
import { Reasons } from "../../shared/states";
import { factsOf } from "./facts";
import css from "./sequence.module.css";

/** What the file says of itself, and what could not be told. */
export function FactList({ facts }: { facts: SequenceFacts }) {
  return (
    <section className={css.facts} aria-label={t("Facts of the sequence")}>
      <dl>
        {factsOf(facts).map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {facts.notes.length > 0 && (
        <details>
          <summary>{t("Assumed or not known ({n})", { n: facts.notes.length })}</summary>
          <Reasons reasons={facts.notes} />
        </details>
      )}
    </section>
  );
}
