import { useComputedColorScheme } from "@mantine/core";
import { useElementSize, useMergedRef } from "@mantine/hooks";
import { type PointerEvent, useEffect, useMemo, useRef, useState } from "react";

import { t } from "../../i18n";
import { useLatest } from "../../shared/useLatest";
import css from "./plot.module.css";
import { type Range, rangeOf, ticks, tickText, type Unit, zoomed } from "./scale";
import { type Line, trace } from "./trace";

/** The same at every plot: those above one another line up. */
export const PADDING = { left: 92, right: 14, top: 6 };
const AXIS_PX = 22;
const DRAG_PX = 4;
/** Asked of the lines themselves. */
const NO_RANGE: Range = { from: 0, to: 0 };

interface Props {
  name: string;
  unit: string;
  lines: Line[];
  window: Range;
  values?: Range;
  /** Height of the area of the lines [px]. */
  height: number;
  /** Numbers below: of one plot of several. */
  axis: Unit | null;
  /** Vertical lines, such as the borders of blocks. */
  marks?: ArrayLike<number>;
  cursor: number | null;
  onCursor: (place: number | null) => void;
  /** Null: the whole. */
  onWindow: (window: Range | null) => void;
}

/** Lines over a shared axis: drag to zoom, wheel to zoom or move, double click for the whole. */
export function LinePlot(props: Props) {
  const { name, unit, lines, window, values, height, axis, marks, cursor } = props;
  const { ref: sized, width } = useElementSize();
  const own = useRef<HTMLCanvasElement>(null);
  const canvas = useMergedRef(sized, own);
  const scheme = useComputedColorScheme("dark");
  const [drag, setDrag] = useState<Range | null>(null);
  const { from: low, to: high } = values ?? NO_RANGE;
  const vertical = useMemo(
    () => (low < high ? { from: low, to: high } : rangeOf(allValues(lines))),
    [low, high, lines],
  );
  const total = height + PADDING.top + (axis ? AXIS_PX : 4);
  const inner = Math.max(1, width - PADDING.left - PADDING.right);
  const toX = (x: number) => PADDING.left + ((x - window.from) / (window.to - window.from)) * inner;

  useEffect(() => {
    if (!own.current || width === 0) return;
    draw(own.current, { lines, window, vertical, height, axis, marks, width, total, scheme });
  }, [lines, window, vertical, height, axis, marks, width, total, scheme]);

  const placeOf = (event: { clientX: number }) => {
    const left = own.current?.getBoundingClientRect().left ?? 0;
    const share = (event.clientX - left - PADDING.left) / inner;
    return window.from + Math.min(1, Math.max(0, share)) * (window.to - window.from);
  };
  useWheel(own, (event) => {
    const span = window.to - window.from;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      const by = (Math.sign(event.deltaX || event.deltaY) * span) / 8;
      props.onWindow({ from: window.from + by, to: window.to + by });
    } else {
      props.onWindow(zoomed(window, event.deltaY > 0 ? 1.3 : 1 / 1.3, placeOf(event)));
    }
  });
  const move = (event: PointerEvent) => {
    const place = placeOf(event);
    props.onCursor(place);
    if (drag) setDrag({ from: drag.from, to: place });
  };
  const drop = () => {
    if (!drag) return;
    setDrag(null);
    const [from, to] = [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)];
    if (toX(to) - toX(from) > DRAG_PX) props.onWindow({ from, to });
  };
  return (
    <div className={css.plot} style={{ height: total }}>
      <canvas
        ref={canvas}
        role="img"
        aria-label={`${name}${unit && t(" in {unit}", { unit })}`}
        data-testid="line-plot"
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          const place = placeOf(event);
          setDrag({ from: place, to: place });
        }}
        onPointerMove={move}
        onPointerUp={drop}
        onPointerCancel={() => setDrag(null)}
        onPointerLeave={() => props.onCursor(null)}
        onDoubleClick={() => props.onWindow(null)}
      />
      <span className={css.name}>
        {name}
        {unit && <span className="dim">{unit}</span>}
      </span>
      {cursor !== null && cursor >= window.from && cursor <= window.to && (
        <span className={css.cursor} style={{ left: toX(cursor), height }} />
      )}
      {drag && (
        <span
          className={css.drag}
          style={{
            left: toX(Math.min(drag.from, drag.to)),
            width: Math.abs(toX(drag.to) - toX(drag.from)),
            height,
          }}
        />
      )}
    </div>
  );
}

/** React listens to wheels passively: the page would scroll with the plot. */
function useWheel(
  element: React.RefObject<HTMLElement | null>,
  onWheel: (event: WheelEvent) => void,
): void {
  const latest = useLatest(onWheel);
  useEffect(() => {
    const target = element.current;
    const listen = (event: WheelEvent) => {
      // Without a key the page scrolls: whoever scrolls past must not lose the window.
      if (!(event.ctrlKey || event.shiftKey || event.altKey || event.deltaX !== 0)) return;
      event.preventDefault();
      latest.current(event);
    };
    target?.addEventListener("wheel", listen, { passive: false });
    return () => target?.removeEventListener("wheel", listen);
  }, [element, latest]);
}

function* allValues(lines: Line[]): Generator<number> {
  for (const { y } of lines) for (let at = 0; at < y.length; at += 1) yield y[at]!;
}

interface Drawing {
  lines: Line[];
  window: Range;
  vertical: Range;
  height: number;
  axis: Unit | null;
  marks: ArrayLike<number> | undefined;
  width: number;
  total: number;
  /** Dark or light: the colours are read off the theme. */
  scheme: string;
}

function draw(canvas: HTMLCanvasElement, drawing: Drawing): void {
  const { lines, window, vertical, height, width, total } = drawing;
  const ratio = globalThis.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(total * ratio);
  canvas.dataset.scheme = drawing.scheme;
  const context = canvas.getContext("2d");
  if (!context) return;
  context.scale(ratio, ratio);
  const style = getComputedStyle(canvas);
  const colour = (token: string) => style.getPropertyValue(token);
  const inner = Math.max(1, width - PADDING.left - PADDING.right);
  const toX = (x: number) => PADDING.left + ((x - window.from) / (window.to - window.from)) * inner;
  const toY = (y: number) =>
    PADDING.top + height - ((y - vertical.from) / (vertical.to - vertical.from)) * height;
  context.font = `11px ${style.fontFamily}`;
  drawGrid(context, drawing, toX, toY, colour);
  context.save();
  context.beginPath();
  context.rect(PADDING.left, PADDING.top - 1, inner, height + 2);
  context.clip();
  context.lineWidth = 1.25;
  context.lineJoin = "round";
  for (const line of lines) {
    context.strokeStyle = colour(line.colour);
    context.beginPath();
    trace(context, line, window, toX, toY);
    context.stroke();
  }
  context.restore();
}

type Place = (value: number) => number;

function drawGrid(
  context: CanvasRenderingContext2D,
  { window, vertical, height, axis, marks, width, total }: Drawing,
  toX: Place,
  toY: Place,
  colour: (token: string) => string,
): void {
  const right = width - PADDING.right;
  const line = (x0: number, y0: number, x1: number, y1: number, token: string) => {
    context.strokeStyle = colour(token);
    context.beginPath();
    context.moveTo(Math.round(x0) + 0.5, Math.round(y0) + 0.5);
    context.lineTo(Math.round(x1) + 0.5, Math.round(y1) + 0.5);
    context.stroke();
  };
  context.lineWidth = 1;
  for (let at = 0; at < (marks?.length ?? 0); at += 1) {
    const x = toX(marks![at]!);
    if (x >= PADDING.left && x <= right) line(x, PADDING.top, x, PADDING.top + height, "--line");
  }
  context.fillStyle = colour("--ink-dim");
  context.textAlign = "right";
  context.textBaseline = "middle";
  const across = ticks(vertical, Math.max(3.6, height / 30));
  for (const value of across) {
    line(PADDING.left, toY(value), right, toY(value), value === 0 ? "--line-strong" : "--line");
    const text = tickText(value, (across[1] ?? 1) - (across[0] ?? 0));
    context.fillText(text, PADDING.left - 6, toY(value));
  }
  if (!axis) return;
  const { factor, name } = axis;
  const along = ticks({ from: window.from * factor, to: window.to * factor }, width / 110);
  context.textAlign = "center";
  context.textBaseline = "top";
  const room = right - context.measureText(`${name} `).width;
  for (const value of along) {
    const x = toX(value / factor);
    line(x, PADDING.top + height, x, PADDING.top + height + 4, "--line-strong");
    const text = tickText(value, along[1]! - along[0]! || 1);
    if (x + context.measureText(text).width / 2 < room) {
      context.fillText(text, x, PADDING.top + height + 7);
    }
  }
  context.textAlign = "right";
  context.fillText(name, right, total - 14);
}
