import css from "./shared.module.css";
import { inWords } from "./schema/schema";
import { valueInWords } from "./schema/words";

/** Deeper than this, it is shown as it is. */
const DEEPEST = 3;
/** More rows than this are shown as they are. */
const ROWS = 50;

/** What a program left as JSON, as a person reads it. */
export function JsonView({ value, depth = 0 }: { value: unknown; depth?: number }) {
  if (!isRecord(value) && !Array.isArray(value)) return <>{valueInWords(value)}</>;
  const columns = Array.isArray(value) ? columnsOf(value) : null;
  if (columns && Array.isArray(value)) return <Rows rows={value} columns={columns} />;
  if (Array.isArray(value) ? value.every(isPlain) : Object.keys(value).length === 0) {
    return <>{valueInWords(value)}</>;
  }
  if (Array.isArray(value) || depth >= DEEPEST) {
    return <pre className={css.json}>{JSON.stringify(value, null, 2)}</pre>;
  }
  return (
    <dl className={css.jsonFacts} data-inner={depth > 0 || undefined}>
      {Object.entries(value).map(([name, member]) => (
        <div key={name} data-wide={isPlain(member) ? undefined : true}>
          <dt>{inWords(name)}</dt>
          <dd>
            <JsonView value={member} depth={depth + 1} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** Objects of the same few plain members, one a row. */
function Rows({ rows, columns }: { rows: unknown[]; columns: string[] }) {
  return (
    <table className={css.jsonRows}>
      <thead>
        <tr>
          {columns.map((name) => (
            <th key={name} scope="col">
              {inWords(name)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row, at) => (
          // oxlint-disable-next-line react/no-array-index-key
          <tr key={at}>
            {columns.map((name) => (
              <td key={name}>{valueInWords((row as Record<string, unknown>)[name])}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function columnsOf(rows: unknown[]): string[] | null {
  if (rows.length === 0 || rows.length > ROWS) return null;
  if (!rows.every((row) => isRecord(row) && Object.values(row).every(isPlain))) return null;
  const names = [...new Set(rows.flatMap((row) => Object.keys(row as object)))];
  return names.length > 0 && names.length <= 6 ? names : null;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isPlain = (value: unknown): boolean => typeof value !== "object" || value === null;
