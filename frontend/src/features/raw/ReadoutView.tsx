import { Checkbox } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";

import { type RawFile, type ReadoutInfo, rawQueries, type Samples } from "../../api/rawData";
import { inSentence, t } from "../../i18n";
import { QueryView } from "../../shared/states";
import { LinePlot } from "../plot/LinePlot";
import { type Range, reading, timeUnit, type Unit, within } from "../plot/scale";
import { type Line, lowerBound } from "../plot/trace";
import { spectrumOf } from "./fourier";
import css from "./raw.module.css";
import { factsOfReadout, PARTS, type Part, timeLines } from "./readout";

/** One coil of one readout: over time, and its spectrum. */
export function ReadoutView({ of, info, coil }: { of: RawFile; info: ReadoutInfo; coil: number }) {
  const samples = useQuery(rawQueries.samples(of, info.acquisition_id, coil));
  return (
    <>
      <QueryView
        query={samples}
        rows={8}
        safe={t("The raw data are stored; only reading them failed.")}
      >
        {(found) => <Plots samples={found} dwell={info.dwell_time} />}
      </QueryView>
      <section className={css.facts} aria-label={t("Header of the readout")}>
        <dl>
          {factsOfReadout(info).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      </section>
    </>
  );
}

const NUMBER: Unit = { name: "sample", factor: 1 };
const PERIODS: Unit = { name: "periods", factor: 1 };

function Plots({ samples, dwell }: { samples: Samples; dwell: number }) {
  const [parts, setParts] = useState<Part[]>(["magnitude", "real", "imaginary"]);
  const timed = dwell > 0;
  const time = useMemo(() => timeLines(samples, dwell, parts), [samples, dwell, parts]);
  const frequency = useMemo(() => {
    const { frequency: x, magnitude: y } = spectrumOf(samples, dwell);
    return [{ name: t("Spectrum"), colour: "--status-done", x, y }];
  }, [samples, dwell]);
  const length = Math.max(1, samples.re.length - 1) * (timed ? dwell : 1);
  return (
    <>
      <div className={css.parts} role="group" aria-label={t("What is drawn")}>
        {PARTS.map(({ part, label, colour }) => (
          <Checkbox
            key={part}
            size="xs"
            label={
              <>
                <i style={{ background: `var(${colour})` }} aria-hidden /> {label}
              </>
            }
            checked={parts.includes(part)}
            onChange={(event) => {
              const on = event.currentTarget.checked;
              setParts((all) => (on ? [...all, part] : all.filter((each) => each !== part)));
            }}
          />
        ))}
      </div>
      <Zoomable
        name={t("Signal")}
        lines={time}
        whole={{ from: 0, to: length }}
        unitOf={timed ? timeUnit : () => NUMBER}
      />
      <Zoomable
        name={t("Spectrum")}
        lines={frequency}
        whole={{
          from: frequency[0]!.x[0] ?? 0,
          to: Math.max((frequency[0]!.x[0] ?? 0) + 1, frequency[0]!.x.at(-1) ?? 1),
        }}
        unitOf={timed ? frequencyUnit : () => PERIODS}
      />
    </>
  );
}

export function frequencyUnit({ from, to }: Range): Unit {
  const span = to - from;
  if (span > 2e6) return { name: "MHz", factor: 1e-6 };
  return span > 2e3 ? { name: "kHz", factor: 1e-3 } : { name: t("Hz"), factor: 1 };
}

function Zoomable({
  name,
  lines,
  whole,
  unitOf,
}: {
  name: string;
  lines: Line[];
  whole: Range;
  unitOf: (window: Range) => Unit;
}) {
  const [chosen, setChosen] = useState<Range | null>(null);
  const [cursor, setCursor] = useState<number | null>(null);
  const span = whole.to - whole.from;
  const window = chosen ? within(chosen, whole, span / 1e4) : whole;
  const unit = unitOf(window);
  const values = useMemo(() => levelOf(lines), [lines]);
  return (
    <section className={css.plot} aria-label={name}>
      <LinePlot
        name={name}
        unit=""
        lines={lines}
        window={window}
        values={values}
        height={150}
        axis={unit}
        cursor={cursor}
        onCursor={setCursor}
        onWindow={setChosen}
      />
      <p className={css.under} data-testid={`under-${name.toLowerCase()}`}>
        {cursor === null
          ? t("Drag to zoom, double click for all.")
          : readingsAt(lines, cursor, unit)}
      </p>
    </section>
  );
}

/** The values of the sample next to a place. */
export function readingsAt(lines: Line[], place: number, { factor, name }: Unit): string {
  const x = lines[0]?.x;
  if (!x || x.length === 0) return "";
  const after = Math.min(x.length - 1, lowerBound(x, place));
  const at = after > 0 && place - x[after - 1]! < x[after]! - place ? after - 1 : after;
  const values = lines.map((line) => `${inSentence(line.name)} ${reading(line.y[at]!)}`);
  return [`${reading(x[at]! * factor)} ${name}`, ...values].join(" · ");
}

function levelOf(lines: Line[]): Range {
  let [from, to] = [0, 0];
  for (const { y } of lines) {
    for (let at = 0; at < y.length; at += 1) {
      from = Math.min(from, y[at]!);
      to = Math.max(to, y[at]!);
    }
  }
  const room = (to - from) * 0.05 || 1;
  return { from: from < 0 ? from - room : 0, to: to + room };
}
