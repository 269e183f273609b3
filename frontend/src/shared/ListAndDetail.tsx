import type { ReactNode } from "react";

import { DataTable, type TableProps } from "./DataTable";
import page from "./page.module.css";
import { type Asked, QueryView } from "./states";

interface Props<Row> extends Omit<TableProps<Row>, "compact" | "onOpen" | "rows"> {
  query: Asked<unknown>;
  /** What of the answer is shown, in which order. */
  rows: Row[] | undefined;
  /** What is safe when the list cannot be read. */
  safe: string;
  /** In the place of a table without rows. */
  empty: ReactNode;
  /** Below the table. */
  note?: ReactNode;
  onSelect: (id: string | null) => void;
  /** What is open, beside the table. */
  detail: ReactNode;
  narrow?: boolean;
}

/** A table whose rows open beside it, and close when they are chosen once more. */
export function ListAndDetail<Row>(props: Props<Row>) {
  const { query, rows = [], safe, empty, note, onSelect, detail, narrow, ...table } = props;
  const open = Boolean(detail);
  return (
    <div className={page.split} data-detail={open ? (narrow ? "narrow" : "wide") : undefined}>
      <div className={page.list}>
        <QueryView query={query} rows={8} safe={safe}>
          {() =>
            rows.length === 0 ? (
              empty
            ) : (
              <DataTable
                {...table}
                rows={rows}
                compact={open}
                onOpen={(row) => {
                  const id = table.rowId(row);
                  onSelect(id === table.selectedId ? null : id);
                }}
              />
            )
          }
        </QueryView>
        {note}
      </div>
      {detail}
    </div>
  );
}
