import { Slider } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { type PointerEvent, useEffect, useMemo, useRef, useState, type WheelEvent } from "react";

import { decimal, t } from "../../i18n";
import { useShortcuts } from "../../shared/shortcuts";
import dicom from "../dicom/dicom.module.css";
import { Foot } from "../dicom/Foot";
import { edgeLetters, scaleBar } from "../dicom/geometry";
import { Edges, Scale } from "../dicom/Overlay";
import { type Preset, presetsOf, type Window } from "../dicom/presets";
import css from "./files.module.css";
import { type Nifti, samplesOf, type Vector3 } from "./nifti";
import { headerFacts } from "./niftiFacts";
import {
  directionsOf,
  layoutOf,
  NIFTI_PLANES,
  type NiftiPlane,
  sliceAt,
  voxelAt,
} from "./niftiPlanes";
import { pixelsOf } from "./niftiPixels";

const TITLES: Record<NiftiPlane, string> = {
  axial: t("Axial"),
  coronal: t("Coronal"),
  sagittal: t("Sagittal"),
};

/** A volume as slices in three planes of the patient; a click puts all three to one place. */
export default function NiftiViewer({ nifti }: { nifti: Nifti }) {
  const { header } = nifti;
  const [volume, setVolume] = useState(0);
  const [voxel, setVoxel] = useState<Vector3>(
    () => header.size.slice(0, 3).map((along) => Math.floor(along / 2)) as Vector3,
  );
  const presets = useMemo(() => presetsFor(nifti), [nifti]);
  const [window, setWindow] = useState<Window>(presets[0]!.window);
  const move = (axis: 0 | 1 | 2, to: number) =>
    setVoxel((before) => {
      const next = [...before] as Vector3;
      next[axis] = Math.min(header.size[axis] - 1, Math.max(0, to));
      return next;
    });
  const apply = (preset: Preset) => setWindow(preset.window);
  useShortcuts({
    r: () => setWindow(presets[0]!.window),
    ...Object.fromEntries(presets.map((preset) => [preset.key, () => apply(preset)])),
  });
  return (
    <div className={css.nifti}>
      <div className={css.images} data-testid="nifti">
        <div className={css.planes}>
          {NIFTI_PLANES.map((plane) => (
            <Plane
              key={plane}
              nifti={nifti}
              plane={plane}
              voxel={voxel}
              volume={volume}
              window={window}
              onMove={move}
            />
          ))}
        </div>
        {header.size[3] > 1 && (
          <label className={css.volume}>
            <span>
              {t("Volume {volume} of {size}", { volume: volume + 1, size: header.size[3] })}
            </span>
            <Slider
              size="sm"
              min={0}
              max={header.size[3] - 1}
              value={volume}
              onChange={setVolume}
              label={null}
              thumbLabel={t("Which volume")}
            />
          </label>
        )}
        <div className={css.foot}>
          <Foot
            slice={t("Value {value}", { value: valueAt(nifti, voxel, volume) })}
            window={{
              center: (window.upper + window.lower) / 2,
              width: window.upper - window.lower,
            }}
            presets={presets}
            onPreset={apply}
            onReset={() => setWindow(presets[0]!.window)}
          />
        </div>
      </div>
      <section className={css.facts} aria-label={t("Facts of the file")}>
        <dl>
          {headerFacts(header).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
        <p className="dim">
          {t(
            "The file names no patient: it is what was computed in the place you opened it from. Not for diagnosis.",
          )}
        </p>
      </section>
    </div>
  );
}

interface PlaneProps {
  nifti: Nifti;
  plane: NiftiPlane;
  voxel: Vector3;
  volume: number;
  window: Window;
  onMove: (axis: 0 | 1 | 2, to: number) => void;
}

function Plane({ nifti, plane, voxel, volume, window, onMove }: PlaneProps) {
  const { header } = nifti;
  const canvas = useRef<HTMLCanvasElement>(null);
  const { ref, width: room, height: tall } = useElementSize();
  const { across, down, through } = layoutOf(header, plane);
  const place = voxelAt(through, voxel[through.axis], header);
  const slice = sliceAt(nifti, plane, place, volume);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context || !canvas.current) return;
    canvas.current.width = slice.width;
    canvas.current.height = slice.height;
    context.putImageData(
      new ImageData(pixelsOf(slice, window, samplesOf(header)), slice.width, slice.height),
      0,
      0,
    );
  }, [canvas, slice, window, header]);
  const [wide, high] = [
    slice.width * header.spacing[across.axis],
    slice.height * header.spacing[down.axis],
  ];
  const pxPerMm = Math.max(0, Math.min(room / wide, tall / high));
  const directions = directionsOf(header, plane);
  const point = (event: PointerEvent<HTMLElement>) => {
    if (event.buttons !== 1) return;
    const box = event.currentTarget.getBoundingClientRect();
    const share = (at: number, from: number, size: number) => (at - from) / size;
    const column = Math.floor(share(event.clientX, box.left, box.width) * slice.width);
    const row = Math.floor(share(event.clientY, box.top, box.height) * slice.height);
    onMove(across.axis, voxelAt(across, column, header));
    onMove(down.axis, voxelAt(down, row, header));
  };
  const scroll = (by: number) =>
    onMove(through.axis, voxelAt(through, clamp(place + by, header.size[through.axis]), header));
  const cross = {
    x: (voxelAt(across, voxel[across.axis], header) + 0.5) / slice.width,
    y: (voxelAt(down, voxel[down.axis], header) + 0.5) / slice.height,
  };
  return (
    <figure className={css.plane} onWheel={(event: WheelEvent) => scroll(Math.sign(event.deltaY))}>
      <div ref={ref} className={css.room}>
        <div
          className={css.picture}
          style={{ width: wide * pxPerMm, height: high * pxPerMm }}
          onPointerDown={(event) => {
            event.currentTarget.setPointerCapture(event.pointerId);
            point(event);
          }}
          onPointerMove={point}
        >
          <canvas
            ref={canvas}
            role="img"
            aria-label={t("{titles} plane", { titles: TITLES[plane] })}
            data-testid={`nifti-${plane}`}
          />
          <span className={css.vertical} style={{ left: `${100 * cross.x}%` }} />
          <span className={css.horizontal} style={{ top: `${100 * cross.y}%` }} />
        </div>
      </div>
      <figcaption className={dicom.planeOverlay}>
        <span className={dicom.topLeft}>{TITLES[plane]}</span>
        {directions ? (
          <Edges letters={edgeLetters(directions.across, directions.down)} />
        ) : (
          <b className={dicom.bottom}>{t("Orientation unknown")}</b>
        )}
        <Scale scale={pxPerMm > 0 ? scaleBar(1 / pxPerMm, room / 4) : null} />
      </figcaption>
      <input
        type="range"
        className={css.through}
        aria-label={t("Slice of the {plane} plane", { plane })}
        min={0}
        max={header.size[through.axis] - 1}
        value={place}
        onChange={({ currentTarget: { valueAsNumber } }) =>
          onMove(through.axis, voxelAt(through, valueAsNumber, header))
        }
      />
    </figure>
  );
}

const clamp = (value: number, count: number) => Math.min(count - 1, Math.max(0, value));

function presetsFor(nifti: Nifti): Preset[] {
  const { header } = nifti;
  const samples = samplesOf(header);
  if (samples > 1) return presetsOf([0, 255], { lower: 0, upper: 255 });
  // The middle slices stand for the whole.
  const values = NIFTI_PLANES.flatMap((plane) => {
    const { through } = layoutOf(header, plane);
    return [...sliceAt(nifti, plane, Math.floor(header.size[through.axis] / 2), 0).values];
  }).filter(Number.isFinite);
  const presets = presetsOf(values, { lower: 0, upper: 1 });
  const usual = presets.find(({ name }) => name === "Usual") ?? presets[0]!;
  return presets.map((preset, at) =>
    at === 0 ? { ...preset, name: t("First shown"), window: usual.window } : preset,
  );
}

function valueAt({ header, stored }: Nifti, voxel: Vector3, volume: number): string {
  const [nx, ny, nz] = header.size;
  const samples = samplesOf(header);
  const at = samples * (voxel[0] + nx * (voxel[1] + ny * (voxel[2] + nz * volume)));
  return Array.from({ length: samples }, (_, part) =>
    decimal(Number((header.slope * stored[at + part]! + header.intercept).toPrecision(5))),
  ).join(", ");
}
