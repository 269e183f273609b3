import { Select } from "@mantine/core";
import { type ReactNode, useEffect, useRef, useState } from "react";

import { t } from "../../i18n";
import { useShortcuts } from "../../shared/shortcuts";
import { useLatest } from "../../shared/useLatest";
import css from "./dicom.module.css";
import type { ShownSeries } from "./DicomViewer";
import { Foot } from "./Foot";
import type { ImageIdentity, Match, Whose } from "./identity";
import { Mismatch, readable } from "./Mismatch";
import { Edges, Scale } from "./Overlay";
import { PaneFailure } from "./PaneFailure";
import type { Preset } from "./presets";
import type { ImageSource } from "./sources";
import { type PlaneName, PLANES, type PlaneView, VolumeViewer } from "./volumeViewer";

interface Props extends ShownSeries {
  whose: Whose;
  layouts: ReactNode;
  onRetry: () => void;
}
const TITLES: Record<PlaneName, string> = {
  axial: t("Axial"),
  coronal: t("Coronal"),
  sagittal: t("Sagittal"),
};

interface Other {
  identity: ImageIdentity;
  because: string;
}

/** Three planes through a series; a click puts all three to one place of the patient. */
export default function PlanesPane({ images, whose, title, layouts, onRetry }: Props) {
  const axial = useRef<HTMLDivElement>(null);
  const coronal = useRef<HTMLDivElement>(null);
  const sagittal = useRef<HTMLDivElement>(null);
  const elements = { axial, coronal, sagittal };
  const viewer = useRef<VolumeViewer | null>(null);
  const [views, setViews] = useState<Partial<Record<PlaneName, PlaneView>>>({});
  const [progress, setProgress] = useState<[number, number]>([0, 0]);
  const [presets, setPresets] = useState<Preset[] | null>(null);
  const ready = presets !== null;
  const [failure, setFailure] = useState<unknown>(null);
  const [other, setOther] = useState<Other | null>(null);
  const [which, setWhich] = useState(0);
  const [volumes, setVolumes] = useState(1);
  const key = JSON.stringify(images);
  const match = useLatest(whose.match);

  useEffect(() => {
    if (!axial.current || !coronal.current || !sagittal.current) return;
    const opened = new VolumeViewer(
      { axial: axial.current, coronal: coronal.current, sagittal: sagittal.current },
      (plane, view) => setViews((all) => ({ ...all, [plane]: view })),
    );
    viewer.current = opened;
    opened
      .open(
        JSON.parse(key) as ImageSource[],
        which,
        (all) => refuseOthers(all, match.current),
        (done, of) => setProgress([done, of]),
      )
      .then(() => {
        if (viewer.current !== opened) return;
        setVolumes(opened.volumes);
        setPresets(opened.presets);
      })
      .catch((error: unknown) => {
        if (viewer.current !== opened) return;
        if (error instanceof OtherPatientError) setOther(error.found);
        else setFailure(readable(error));
      });
    return () => {
      viewer.current = null;
      opened.destroy();
    };
  }, [key, which, match]);
  useEffect(() => {
    // Once more when it can be seen: a plane that was hidden may not have been drawn.
    const [stored] = presets ?? [];
    if (stored) viewer.current?.apply(stored);
  }, [presets]);
  useShortcuts({
    r: () => viewer.current?.reset(),
    ...Object.fromEntries(
      (presets ?? []).map((preset) => [preset.key, () => viewer.current?.apply(preset)]),
    ),
  });
  return (
    <div className={css.viewer} id="viewer" tabIndex={-1} data-testid="planes">
      <div className={css.bar}>
        {layouts}
        {volumes > 1 && (
          <Select
            aria-label={t("Which volume")}
            size="xs"
            className={css.volume}
            allowDeselect={false}
            value={String(which)}
            onChange={(next) => {
              setPresets(null);
              setWhich(Number(next));
            }}
            data={Array.from({ length: volumes }, (_, number) => ({
              value: String(number),
              label: t("Volume {volume} of {size}", { volume: number + 1, size: volumes }),
            }))}
          />
        )}
        <span className={css.barText}>{t("{title} · not for diagnosis", { title })}</span>
      </div>
      {/* New elements for each volume: the crosshairs of the last one still listen to theirs. */}
      <div key={which} className={css.planes} data-ready={ready || undefined}>
        {PLANES.map((plane) => (
          <div key={plane} className={css.plane}>
            <div
              ref={elements[plane]}
              className={css.planeCanvas}
              role="img"
              aria-label={t("{titles} plane of {title}", { titles: TITLES[plane], title })}
              data-testid={`plane-${plane}`}
            />
            <div className={css.planeOverlay}>
              <span className={css.topLeft}>{TITLES[plane]}</span>
              {ready && views[plane] && <Edges letters={views[plane].letters} />}
              {ready && <Scale scale={views[plane]?.scale ?? null} />}
            </div>
          </div>
        ))}
      </div>
      {ready && (
        <Foot
          slice={t("Click to point")}
          window={null}
          presets={presets}
          onPreset={(preset) => viewer.current?.apply(preset)}
          onReset={() => viewer.current?.reset()}
        />
      )}
      {!ready && !failure && !other && (
        <p className={css.block} role="status">
          {t("Reading images: {done} of {all}", {
            done: progress[0],
            all: progress[1] || images.length,
          })}
        </p>
      )}
      {other && <Mismatch identity={other.identity} whose={whose} because={other.because} />}
      {failure !== null && (
        <PaneFailure
          error={failure}
          safe={t("The images are stored and can be looked at one by one.")}
          onRetry={onRetry}
        />
      )}
    </div>
  );
}

class OtherPatientError extends Error {
  constructor(readonly found: Other) {
    super(found.because);
  }
}

function refuseOthers(all: ImageIdentity[], match: (image: ImageIdentity) => Match): void {
  for (const identity of all) {
    const found = match(identity);
    if (!found.ok) throw new OtherPatientError({ identity, because: found.because });
  }
}
