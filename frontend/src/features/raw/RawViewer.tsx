import { NumberInput, Select } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { type RawDataMeta, type RawFile, rawFileUrl, rawQueries } from "../../api/rawData";
import { plural, t } from "../../i18n";
import page from "../../shared/page.module.css";
import { Empty, QueryView } from "../../shared/states";
import { KSpaceView } from "./KSpaceView";
import { ReadoutView } from "./ReadoutView";
import css from "./raw.module.css";

type Kind = "readout" | "k-space";
const KINDS: [Kind, string][] = [
  ["readout", t("Readout")],
  ["k-space", t("K-space")],
];
const SETTLED_MS = 150;

/** Raw data of a result: one readout of one coil in time and frequency, or k-space as an image. */
export default function RawViewer({
  place,
  files,
}: {
  place: Omit<RawFile, "file">;
  files: string[];
}) {
  const [chosen, setChosen] = useState<string | null>(null);
  const file = files.find((name) => name === chosen) ?? files[0];
  if (file === undefined)
    return <Empty title={t("No raw data")}>{t("The result has no such file.")}</Empty>;
  return <RawFileView key={file} of={{ ...place, file }} files={files} onFile={setChosen} />;
}

function RawFileView({
  of,
  files,
  onFile,
}: {
  of: RawFile;
  files: string[];
  onFile: (file: string | null) => void;
}) {
  const [kind, setKind] = useState<Kind>("readout");
  const first = useQuery(rawQueries.page(of, 0));
  return (
    <div className={css.viewer}>
      <header className={css.head}>
        <div className={page.choice} role="group" aria-label={t("What to look at")}>
          {KINDS.map(([id, label]) => (
            <button key={id} type="button" aria-pressed={id === kind} onClick={() => setKind(id)}>
              {label}
            </button>
          ))}
        </div>
        {files.length > 1 && (
          <Select
            aria-label={t("File")}
            size="xs"
            allowDeselect={false}
            value={of.file}
            onChange={onFile}
            data={files}
            className={css.file}
          />
        )}
        <a className={css.download} href={rawFileUrl(of)} download>
          <IconDownload size={16} aria-hidden /> {of.file}
        </a>
      </header>
      <QueryView
        query={first}
        rows={8}
        safe={t("The raw data are stored; only reading them failed.")}
      >
        {(meta) =>
          meta.total === 0 ? (
            <Empty title={t("No readouts")}>
              {t("The file is whole, but nothing was measured.")}
            </Empty>
          ) : kind === "readout" ? (
            <Readouts of={of} first={meta} />
          ) : (
            <KSpaceView of={of} coils={mostCoils(meta)} />
          )
        }
      </QueryView>
    </div>
  );
}

const mostCoils = ({ acquisitions }: RawDataMeta): number =>
  Math.max(1, ...acquisitions.map(({ num_coils }) => num_coils));

function Readouts({ of, first }: { of: RawFile; first: RawDataMeta }) {
  const [readout, setReadout] = useState(first.acquisitions[0]?.acquisition_id ?? 0);
  const [coil, setCoil] = useState(0);
  const [settled] = useDebouncedValue(readout, SETTLED_MS);
  const list = useQuery(rawQueries.page(of, settled)).data ?? first;
  const info = list.acquisitions.find(({ acquisition_id }) => acquisition_id === settled);
  const last = first.total - 1;
  const go = (to: number) => setReadout(Math.min(last, Math.max(0, Math.round(to))));
  return (
    <>
      <div className={css.controls}>
        <NumberInput
          label={t("Readout")}
          size="xs"
          min={0}
          max={last}
          value={readout}
          onChange={(value) => typeof value === "number" && go(value)}
        />
        <input
          type="range"
          className={css.slider}
          aria-label={t("Which readout")}
          min={0}
          max={last}
          value={readout}
          onChange={(event) => go(event.currentTarget.valueAsNumber)}
        />
        <span className="dim">
          {t("of {readouts}", { readouts: plural(first.total, "{n} readout", "{n} readouts") })}
        </span>
        <Select
          label={t("Coil")}
          size="xs"
          allowDeselect={false}
          value={String(Math.min(coil, (info?.num_coils ?? 1) - 1))}
          onChange={(value) => setCoil(Number(value))}
          data={Array.from({ length: info?.num_coils ?? 1 }, (_, at) => String(at))}
        />
      </div>
      {info ? (
        <ReadoutView of={of} info={info} coil={Math.min(coil, info.num_coils - 1)} />
      ) : (
        <Empty title={t("No samples")}>
          {t("Readout {settled} has a header only.", { settled })}
        </Empty>
      )}
    </>
  );
}
