import { useComputedColorScheme } from "@mantine/core";
import { useElementSize, useMergedRef } from "@mantine/hooks";
import { type PointerEvent, useEffect, useRef } from "react";

import type { SequencePlot } from "../../api/sequencePlot";
import { t } from "../../i18n";
import { PADDING } from "../plot/LinePlot";
import type { Range } from "../plot/scale";
import { trace } from "../plot/trace";
import { isGradient, largestGradient, lineOf } from "./channels";
import css from "./sequence.module.css";

const HEIGHT = 34;

/** The whole sequence as a strip, and which part of it is shown; a click looks at another part. */
export function Overview({
  plot,
  whole,
  window,
  onWindow,
}: {
  plot: SequencePlot;
  whole: Range;
  window: Range;
  onWindow: (window: Range | null) => void;
}) {
  const { ref: sized, width } = useElementSize();
  const own = useRef<HTMLCanvasElement>(null);
  const canvas = useMergedRef(sized, own);
  const scheme = useComputedColorScheme("dark");
  const length = whole.to;
  const inner = Math.max(1, width - PADDING.left - PADDING.right);
  const toX = (time: number) => PADDING.left + (time / length) * inner;
  useEffect(() => {
    if (own.current && width > 0) draw(own.current, plot, length, width, scheme);
  }, [plot, length, width, scheme]);
  const centre = (event: PointerEvent) => {
    if (event.buttons !== 1) return;
    const left = own.current?.getBoundingClientRect().left ?? 0;
    const time = ((event.clientX - left - PADDING.left) / inner) * length;
    const half = (window.to - window.from) / 2;
    if (half * 2 < length * 0.999) onWindow({ from: time - half, to: time + half });
  };
  return (
    <div className={css.overview}>
      <canvas
        ref={canvas}
        role="img"
        aria-label={t("The whole sequence")}
        style={{ height: HEIGHT }}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          centre(event);
        }}
        onPointerMove={centre}
        onDoubleClick={() => onWindow(null)}
      />
      <span
        className={css.brush}
        style={{ left: toX(window.from), width: Math.max(2, toX(window.to) - toX(window.from)) }}
      />
    </div>
  );
}

function draw(
  canvas: HTMLCanvasElement,
  plot: SequencePlot,
  length: number,
  width: number,
  scheme: string,
): void {
  const ratio = globalThis.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(HEIGHT * ratio);
  canvas.dataset.scheme = scheme;
  const context = canvas.getContext("2d");
  if (!context) return;
  context.scale(ratio, ratio);
  const style = getComputedStyle(canvas);
  const inner = Math.max(1, width - PADDING.left - PADDING.right);
  const toX = (time: number) => PADDING.left + (time / length) * inner;
  const most = largestGradient(plot) || 1;
  for (const channel of plot.channels) {
    const line = lineOf(channel);
    if (channel.name !== "adc" && !isGradient(channel)) continue;
    const toY = isGradient(channel)
      ? (value: number) => HEIGHT / 2 - 4 - (value / most) * (HEIGHT / 2 - 6)
      : (value: number) => HEIGHT - 1 - value * 4;
    context.globalAlpha = 0.75;
    context.strokeStyle = style.getPropertyValue(line.colour);
    context.beginPath();
    trace(context, line, { from: 0, to: length }, toX, toY);
    context.stroke();
  }
}
