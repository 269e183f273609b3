import { useMediaQuery } from "@mantine/hooks";
import { useVirtualizer } from "@tanstack/react-virtual";
import {
  type CSSProperties,
  type KeyboardEvent,
  memo,
  type PointerEvent,
  type ReactNode,
  useCallback,
  useEffect,
  useMemo,
  useRef,
  useState,
} from "react";

import { day } from "./format";
import { useShortcuts } from "./shortcuts";
import { Slots } from "./slots";
import css from "./table.module.css";
import { useLatest } from "./useLatest";
import { useNow } from "./useNow";

export interface Column<Row> {
  key: string;
  head: string;
  /** A track of CSS grid: `120px`, `minmax(0, 2fr)`. */
  width: string;
  cell: (row: Row) => ReactNode;
  /** Left out where there is little room: beside a detail pane, or on a small screen. */
  optional?: boolean;
}

export interface TableProps<Row> {
  label: string;
  rows: Row[];
  columns: Column<Row>[];
  rowId: (row: Row) => string;
  selectedId?: string | null;
  onOpen: (row: Row) => void;
  compact?: boolean;
  /** The last rows are in sight, and more may be fetched now. */
  onEnd?: () => void;
}

const ROW_HEIGHT = 44;

/** What is cut off is told in full by whoever points at it. */
function tellWhole({ target }: PointerEvent<HTMLElement>) {
  const cell = target instanceof Element && target.closest<HTMLElement>('[role="cell"]');
  if (!cell) return;
  const cut = [cell, ...cell.querySelectorAll("*")].some(
    ({ scrollWidth, clientWidth }) => clientWidth > 0 && scrollWidth > clientWidth,
  );
  cell.title = cut ? (cell.textContent ?? "") : "";
}

/** A virtualised table of rows that open: arrows or J/K move, Enter opens. */
export function DataTable<Row>({
  label,
  rows,
  columns: all,
  rowId,
  selectedId,
  onOpen,
  compact,
  onEnd,
}: TableProps<Row>) {
  const narrow = useMediaQuery("(width < 900px)");
  const few = compact || narrow;
  const columns = useMemo(() => (few ? all.filter(({ optional }) => !optional) : all), [few, all]);
  const today = day(useNow(true, 60_000));
  const opening = useLatest(onOpen);
  const openRow = useCallback((row: Row) => opening.current(row), [opening]);
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 12,
    initialRect: { width: 1000, height: 800 },
  });
  const last = virtual.getVirtualItems().at(-1)?.index ?? -1;
  const atEnd = rows.length > 0 && last >= rows.length - 1;
  const end = useLatest(onEnd);
  const wanted = atEnd && onEnd !== undefined;
  useEffect(() => {
    if (wanted) end.current?.();
  }, [wanted, rows.length, end]);
  const move = (by: number) => {
    const focused = document.activeElement?.closest<HTMLElement>("[data-row-index]");
    const at = focused ? Number(focused.dataset.rowIndex) : -1;
    const next = Math.min(rows.length - 1, Math.max(0, at + by));
    virtual.scrollToIndex(next);
    requestAnimationFrame(() => {
      scroller.current?.querySelector<HTMLElement>(`[data-row-index="${next}"]`)?.focus();
    });
  };
  useShortcuts({
    j: () => move(1),
    ArrowDown: () => move(1),
    k: () => move(-1),
    ArrowUp: () => move(-1),
  });
  const tracks = { "--tracks": columns.map(({ width }) => width).join(" ") } as CSSProperties;
  const focused = useRef<string | null>(null);
  const noteFocus = useCallback((id: string | null) => {
    focused.current = id;
  }, []);
  const [slots] = useState(() => new Slots());
  const lines = virtual.getVirtualItems().flatMap(({ index, start }) => {
    const row = rows[index];
    return row === undefined ? [] : [{ row, index, start, id: rowId(row) }];
  });
  const places = slots.assign(
    lines.map(({ id }) => id),
    focused.current,
  );
  const placeOf = ({ id }: { id: string }) => places.get(id) ?? 0;
  // As they are read, but for while they move: then no element changes its place among the others.
  const shown = virtual.isScrolling ? lines.toSorted((a, b) => placeOf(a) - placeOf(b)) : lines;
  return (
    <div
      className={css.table}
      role="table"
      aria-label={label}
      aria-rowcount={rows.length + 1}
      ref={scroller}
      style={tracks}
    >
      <div role="rowgroup" className={css.headGroup}>
        <div role="row" aria-rowindex={1} className={css.head}>
          {columns.map((column) => (
            <span key={column.key} role="columnheader">
              {column.head}
            </span>
          ))}
        </div>
      </div>
      <div role="rowgroup" className={css.body} style={{ height: virtual.getTotalSize() }}>
        {shown.map((line) => (
          <Line
            key={placeOf(line)}
            {...line}
            columns={columns}
            selected={line.id === selectedId}
            today={today}
            onOpen={openRow}
            onFocused={noteFocus}
          />
        ))}
      </div>
    </div>
  );
}

interface LineProps<Row> {
  row: Row;
  id: string;
  index: number;
  /** How far below the first one it is [px]. */
  start: number;
  columns: Column<Row>[];
  selected: boolean;
  /** Cells tell times of today otherwise than those of other days. */
  today: string;
  onOpen: (row: Row) => void;
  /** Tells which row has the focus, or something in it; null when it leaves. */
  onFocused: (id: string | null) => void;
}

function PlainLine<Row>(line: LineProps<Row>) {
  const { row, id, index, start, columns, selected, onOpen, onFocused } = line;
  const onKey = (event: KeyboardEvent<HTMLElement>) => {
    if (event.key !== "Enter" || event.target !== event.currentTarget) return;
    event.preventDefault();
    onOpen(row);
  };
  return (
    <div
      role="row"
      tabIndex={0}
      data-testid="table-row"
      data-row-index={index}
      data-row-id={id}
      aria-rowindex={index + 2}
      data-selected={selected || undefined}
      className={css.row}
      style={{ transform: `translateY(${start}px)` }}
      onClick={() => onOpen(row)}
      onPointerOver={tellWhole}
      onKeyDown={onKey}
      onFocus={() => onFocused(id)}
      onBlur={() => onFocused(null)}
    >
      {columns.map((column) => (
        <span key={column.key} role="cell" className={css.cell}>
          {column.cell(row)}
        </span>
      ))}
    </div>
  );
}

/** Drawn anew only when it shows another row: scrolling and typing leave most as they are. */
const Line = memo(PlainLine) as typeof PlainLine;
