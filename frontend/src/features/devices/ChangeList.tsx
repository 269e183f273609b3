import css from "./devices.module.css";
import { parameterFact, valueInWords } from "./parameters";
import type { Field } from "./schema";

interface Row {
  path: string;
  before: unknown;
  after: unknown;
  /** Said behind the row. */
  note?: string;
}

/** What differs between two versions of the parameters: name, before, after. */
export function ChangeList({
  label,
  rows,
  fields,
}: {
  label: string;
  rows: Row[];
  fields: Field[];
}) {
  return (
    <ul className={css.changes} aria-label={label}>
      {rows.map(({ path, before, after, note }) => {
        const field = findField(fields, path);
        const unit = field?.unit && `\u202f${field.unit}`;
        return (
          <li key={path}>
            <span>{field?.label ?? parameterFact(path, "").name}</span>{" "}
            <span className="live-number">
              <del>{valueInWords(before)}</del> <span aria-hidden>→</span>{" "}
              <ins>{valueInWords(after)}</ins>
              {unit}
            </span>
            {note && <strong> {note}</strong>}
          </li>
        );
      })}
    </ul>
  );
}

function findField(fields: Field[], path: string): Field | null {
  for (const field of fields) {
    if (field.path === path) return field;
    const inside = findField(field.fields, path);
    if (inside) return inside;
  }
  return null;
}
