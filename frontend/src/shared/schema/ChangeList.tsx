import css from "./schema.module.css";
import { parameterFact, valueInWords } from "./words";
import type { Field } from "./schema";

interface Row {
  path: string;
  before: unknown;
  after: unknown;
  /** Said behind the row. */
  note?: string;
}

/** What differs between two versions of a document: name, before, after. */
export function ChangeList({
  label,
  rows,
  fields,
  nameOf = (path) => parameterFact(path, "").name,
  wordsOf = (_, value) => valueInWords(value),
}: {
  label: string;
  rows: Row[];
  fields: Field[];
  /** What a member that no field shows is called. */
  nameOf?: (path: string) => string;
  /** What a value of a member says. */
  wordsOf?: (path: string, value: unknown) => string;
}) {
  return (
    <ul className={css.changes} aria-label={label}>
      {rows.map(({ path, before, after, note }) => {
        const field = findField(fields, path);
        const unit = field?.unit && `\u202f${field.unit}`;
        return (
          <li key={path}>
            <span>{field?.label ?? nameOf(path)}</span>{" "}
            <span className="live-number">
              <del>{wordsOf(path, before)}</del> <span aria-hidden>→</span>{" "}
              <ins>{wordsOf(path, after)}</ins>
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
