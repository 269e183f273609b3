import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { plotQueries, type SequencePlot } from "../../api/sequencePlot";
import type { Sequence } from "../../api/types";
import { plural, t } from "../../i18n";
import { duration } from "../../shared/format";
import { QueryView } from "../../shared/states";
import { LinePlot } from "../plot/LinePlot";
import { type Range, reading, timeUnit } from "../plot/scale";
import {
  blockAt,
  eventsOf,
  isGradient,
  largestGradient,
  lineOf,
  lookOf,
  readingOf,
  UNIT,
} from "./channels";
import { Overview } from "./Overview";
import css from "./sequence.module.css";

interface Props {
  sequence: Sequence;
  titled: boolean;
  whole: Range;
  window: Range;
  cursor: number | null;
  onCursor: (time: number | null) => void;
  onWindow: (window: Range | null) => void;
}

const MOST_BLOCKS = 400;
const SETTLED_MS = 80;

/** The channels of one sequence above one another, over one axis of time. */
export function Charts(props: Props) {
  const all = useQuery(plotQueries.plot(props.sequence._id, null));
  return (
    <section className={css.charts} aria-label={props.sequence.name}>
      {props.titled && <h3>{props.sequence.name}</h3>}
      <QueryView query={all} rows={6} safe={t("The sequence is stored; only drawing it failed.")}>
        {(plot) => <Drawn {...props} all={plot} />}
      </QueryView>
    </section>
  );
}

function Drawn({ sequence, whole, window, cursor, all, ...props }: Props & { all: SequencePlot }) {
  const isWhole = window.from <= 0 && window.to >= all.duration;
  const [settled] = useDebouncedValue(window, SETTLED_MS);
  const asked = { from: settled.from, to: Math.min(settled.to, all.duration) };
  const part = useQuery({
    ...plotQueries.plot(sequence._id, asked),
    enabled: !isWhole && asked.from < asked.to,
  });
  const plot = (isWhole ? all : part.data) ?? all;
  const lines = useMemo(
    () => plot.channels.map((channel) => ({ channel, line: [lineOf(channel)] })),
    [plot],
  );
  const gradients = largestGradient(all) * 1.08 || 1;
  const unit = timeUnit(window);
  return (
    <>
      <Overview plot={all} whole={whole} window={window} onWindow={props.onWindow} />
      {lines.map(({ channel, line }, at) => (
        <div key={channel.name} className={css.chart}>
          <LinePlot
            name={lookOf(channel).title}
            unit={UNIT[channel.unit] ?? channel.unit}
            lines={line}
            window={window}
            values={
              isGradient(channel)
                ? { from: -gradients, to: gradients }
                : channel.name === "adc"
                  ? { from: 0, to: 1.15 }
                  : undefined
            }
            height={lookOf(channel).height}
            axis={at === lines.length - 1 ? unit : null}
            marks={plot.blockStarts.length <= MOST_BLOCKS ? plot.blockStarts : undefined}
            cursor={cursor}
            onCursor={props.onCursor}
            onWindow={props.onWindow}
          />
          <output className={css.reading}>
            {cursor !== null && cursor <= all.duration && readingOf(channel, cursor)}
          </output>
        </div>
      ))}
      <UnderCursor sequence={sequence} plot={plot} window={asked} cursor={cursor} />
    </>
  );
}

/** When and in which block the pointer is, or how much is shown. */
function UnderCursor({
  sequence,
  plot,
  window,
  cursor,
}: {
  sequence: Sequence;
  plot: SequencePlot;
  window: Range;
  cursor: number | null;
}) {
  const few = plot.blocks <= MOST_BLOCKS;
  const blocks = useQuery({
    ...plotQueries.blocks(sequence._id, window),
    enabled: few && window.from < window.to,
  }).data;
  const unit = timeUnit(window);
  if (cursor === null) {
    const exact = plot.channels.every((channel) => channel.exact);
    return (
      <p className={css.under} data-testid="sequence-window">
        {t("{duration} in all · {blocks} shown · {which}", {
          duration: duration(plot.duration),
          blocks: plural(plot.blocks, "{n} block", "{n} blocks"),
          which: exact
            ? t("every vertex drawn")
            : t("extremes of each column drawn: zoom in for every vertex"),
        })}
      </p>
    );
  }
  const block = blockAt(blocks, cursor);
  return (
    <p className={css.under} data-testid="sequence-cursor">
      <strong className="live-number">
        {reading(cursor * unit.factor)} {unit.name}
      </strong>{" "}
      {block
        ? [t("block {index}", { index: block.index + 1 }), ...eventsOf(block)].join(" · ")
        : few
          ? ""
          : t("zoom in to see the blocks")}
    </p>
  );
}
