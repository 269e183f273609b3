import { Button, Select } from "@mantine/core";
import { type ReactNode } from "react";

import { moreOf } from "../api/pages";
import { t } from "../i18n";
import page from "./page.module.css";
import { type Asked, QueryView } from "./states";

interface Props<Row, Choice extends string> {
  query: Asked<Row[]> & Parameters<typeof moreOf>[0];
  /** What is safe when the list cannot be read. */
  safe: string;
  /** What the rows are: `studies`. */
  what: string;
  label: string;
  /** What may be asked for, and what asks for all. */
  choices: { label: string; all: string; words: Record<Choice, string> };
  choice: Choice | null;
  onChoice: (choice: Choice | null) => void;
  rowId: (row: Row) => string | number;
  children: (row: Row) => ReactNode;
}

/** Many rows of a detail pane: of one kind or of all, page by page. */
export function PagedList<Row, Choice extends string>({
  query,
  safe,
  what,
  label,
  choices,
  choice,
  onChoice,
  rowId,
  children,
}: Props<Row, Choice>) {
  const words = Object.entries<string>(choices.words);
  return (
    <>
      <Select
        aria-label={choices.label}
        placeholder={choices.all}
        clearable
        value={choice}
        onChange={(next) => onChoice(next as Choice | null)}
        data={words.map(([value, word]) => ({ value, label: word }))}
      />
      <QueryView query={query} rows={4} safe={safe}>
        {(rows) =>
          rows.length === 0 ? (
            <p className="dim">{t("None.")}</p>
          ) : (
            <ul className={page.lines} aria-label={label}>
              {rows.map((row) => (
                <li key={rowId(row)}>{children(row)}</li>
              ))}
            </ul>
          )
        }
      </QueryView>
      {query.hasNextPage && (
        <Button variant="default" loading={query.isFetching} onClick={moreOf(query)}>
          {t("Show more {what}", { what })}
        </Button>
      )}
    </>
  );
}
