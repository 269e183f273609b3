import { NumberInput, Select } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { type PointerEvent, useEffect, useMemo, useRef, useState } from "react";

import { type KSpace, type KSpaceChoice, type RawFile, rawQueries } from "../../api/rawData";
import { plural, t } from "../../i18n";
import { QueryView } from "../../shared/states";
import { reading } from "../plot/scale";
import { decibels, greyLevels, type Heat, largest, WHOLE } from "./heat";
import css from "./raw.module.css";

const COUNTERS = ["slice", "partition", "contrast", "repetition"] as const;
const SETTLED_MS = 250;
const LOWEST = -120;
const LEAST_DB = 5;

/** A slice of Cartesian k-space as an image: magnitude in decibels, with a window. */
export function KSpaceView({ of, coils }: { of: RawFile; coils: number }) {
  const [choice, setChoice] = useState<KSpaceChoice>({ coil: "rss" });
  const [asked] = useDebouncedValue(choice, SETTLED_MS);
  const kspace = useQuery(rawQueries.kspace(of, asked));
  const [heat, setHeat] = useState<Heat>(WHOLE);
  return (
    <>
      <div className={css.controls}>
        <Select
          label={t("Coil")}
          size="xs"
          allowDeselect={false}
          value={String(choice.coil)}
          onChange={(value) =>
            setChoice({ ...choice, coil: value === "rss" ? "rss" : Number(value) })
          }
          data={[
            { value: "rss", label: t("All, root sum of squares") },
            ...Array.from({ length: coils }, (_, at) => ({ value: String(at), label: String(at) })),
          ]}
        />
        {COUNTERS.map((counter) => (
          <NumberInput
            key={counter}
            className={css.counter}
            label={counter.charAt(0).toUpperCase() + counter.slice(1)}
            size="xs"
            min={0}
            placeholder={chosenOf(kspace.data, counter)}
            value={choice[counter] ?? ""}
            onChange={(value) => {
              const { [counter]: _before, ...rest } = choice;
              setChoice(typeof value === "number" ? { ...rest, [counter]: value } : rest);
            }}
          />
        ))}
        <Level
          label={t("Black")}
          value={heat.black}
          onChange={(black) => setHeat({ black, white: Math.max(heat.white, black + LEAST_DB) })}
        />
        <Level
          label={t("White")}
          value={heat.white}
          onChange={(white) => setHeat({ white, black: Math.min(heat.black, white - LEAST_DB) })}
        />
      </div>
      <QueryView
        query={kspace}
        rows={6}
        safe={t("The raw data are stored; only this picture failed.")}
      >
        {(found) => <HeatMap kspace={found} heat={heat} />}
      </QueryView>
    </>
  );
}

/** One end of the window; black stays below white. */
function Level({
  label,
  value,
  onChange,
}: {
  label: string;
  value: number;
  onChange: (value: number) => void;
}) {
  return (
    <label className={css.level}>
      {label} {t("{value} dB", { value })}
      <input
        type="range"
        min={LOWEST}
        max={0}
        value={value}
        onChange={(event) => onChange(event.currentTarget.valueAsNumber)}
      />
    </label>
  );
}

/** What the server took where nothing was chosen: `slice=0, contrast=0`. */
function chosenOf(kspace: KSpace | undefined, counter: string): string {
  return new RegExp(`\\b${counter}=(\\d+)`).exec(kspace?.choice ?? "")?.[1] ?? "";
}

function HeatMap({ kspace, heat }: { kspace: KSpace; heat: Heat }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [place, setPlace] = useState<{ row: number; column: number } | null>(null);
  const { rows, columns, magnitude } = kspace;
  const peak = useMemo(() => largest(magnitude), [magnitude]);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!canvas.current || !context || rows * columns === 0) return;
    canvas.current.width = columns;
    canvas.current.height = rows;
    context.putImageData(new ImageData(greyLevels(magnitude, heat), columns, rows), 0, 0);
  }, [rows, columns, magnitude, heat]);
  const point = (event: PointerEvent<HTMLCanvasElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * columns);
    const row = Math.floor(((event.clientY - box.top) / box.height) * rows);
    setPlace(row >= 0 && row < rows && column >= 0 && column < columns ? { row, column } : null);
  };
  const value = place ? magnitude[place.row * columns + place.column]! : 0;
  return (
    <figure className={css.heat}>
      <canvas
        ref={canvas}
        role="img"
        aria-label={t("K-space, {rows} lines of {columns} samples", { rows, columns })}
        data-testid="kspace"
        style={{ aspectRatio: `${columns} / ${rows}` }}
        onPointerMove={point}
        onPointerLeave={() => setPlace(null)}
      />
      <figcaption data-testid="under-kspace">
        {place
          ? t("line {row}, sample {column} · {which}", {
              row: place.row,
              column: place.column,
              which:
                value > 0
                  ? t("{value} · {level} dB", {
                      value: reading(value),
                      level: reading(decibels(value, peak)),
                    })
                  : t("not measured, or zero"),
            })
          : t("{rows} lines × {columns} samples of {readouts} · {choice}", {
              rows,
              columns,
              readouts: plural(kspace.readouts, "{n} readout", "{n} readouts"),
              choice: kspace.choice,
            })}
      </figcaption>
    </figure>
  );
}
