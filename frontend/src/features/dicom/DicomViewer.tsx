import { Select } from "@mantine/core";
import { IconBoxMultiple, IconFileText, IconLayoutGrid, IconSquare } from "@tabler/icons-react";
import { lazy, Suspense, useState } from "react";

import { t } from "../../i18n";
import { Loading } from "../../shared/states";
import css from "./dicom.module.css";
import { isKnownDocument } from "./documents";
import type { Whose } from "./identity";
import type { Place } from "./planes";
import type { ImageSource } from "./sources";
import { StackPane } from "./StackPane";
import { ToolButton } from "./ToolButton";

const PlanesPane = lazy(() => import("./PlanesPane"));
const GridPane = lazy(() => import("./GridPane"));
const DocumentPane = lazy(() => import("./DocumentPane"));

/** A series as the viewer shows it. */
export interface ShownSeries {
  images: ImageSource[];
  /** What to call the series until its own description is read. */
  title: string;
  /** When the series was stored: an earlier run must not pass for the present one. */
  stored: string;
  /** The images are in the order of their numbers already: none is read before it is looked at. */
  inOrder?: boolean;
  /** Whether the scan was begun again since. */
  earlier?: boolean;
}

export interface Other {
  id: string;
  label: string;
  /** Asked for when it is chosen: of an archive, its instances are not known before. */
  load: () => Promise<ShownSeries>;
}

export interface ViewerProps extends ShownSeries {
  whose: Whose;
  /** Series that can be shown beside this one. */
  others?: Other[];
}

type Layout = "stack" | "planes" | "grid" | "documents";
const OF_IMAGES = [
  { layout: "stack", label: t("One image"), Icon: IconSquare },
  { layout: "planes", label: t("Three planes"), Icon: IconBoxMultiple },
  { layout: "grid", label: t("All images"), Icon: IconLayoutGrid },
] as const;
const OF_DOCUMENTS = { layout: "documents", label: t("Documents"), Icon: IconFileText } as const;

export default function DicomViewer(props: ViewerProps) {
  const [attempt, setAttempt] = useState(0);
  return <Viewer key={attempt} {...props} onRetry={() => setAttempt(attempt + 1)} />;
}

function Viewer({ whose, others = [], onRetry, ...all }: ViewerProps & { onRetry: () => void }) {
  // What a file is may be known only when it was read.
  const [found, setFound] = useState<string[]>([]);
  const isDocument = (source: ImageSource) => isKnownDocument(source) || found.includes(source.url);
  const documents = all.images.filter(isDocument);
  const series = { ...all, images: all.images.filter((source) => !isDocument(source)) };
  const [chosen, setLayout] = useState<Layout>("stack");
  const layout = series.images.length === 0 && documents.length > 0 ? "documents" : chosen;
  const layouts = [
    ...(series.images.length > 0 ? OF_IMAGES : []),
    ...(documents.length > 0 ? [OF_DOCUMENTS] : []),
  ];
  const [start, setStart] = useState<number | null>(null);
  const [other, setOther] = useState<{ id: string; series: ShownSeries } | null>(null);
  const [active, setActive] = useState(0);
  const [leading, setLeading] = useState<Place | null>(null);
  const compare = async (id: string | null) => {
    const beside = others.find((each) => each.id === id);
    setActive(0);
    setOther(beside ? { id: beside.id, series: await beside.load() } : null);
    setLayout("stack");
  };
  const choose = (
    <div className={css.tools} role="group" aria-label={t("Layout")}>
      {layouts.map((each) => (
        <ToolButton
          key={each.layout}
          label={each.label}
          Icon={each.Icon}
          pressed={each.layout === layout}
          onClick={() => {
            setLayout(each.layout);
            setOther(null);
          }}
        />
      ))}
      {others.length > 0 && series.images.length > 0 && (
        <Select
          aria-label={t("Compare with")}
          placeholder={t("Compare")}
          size="xs"
          className={css.compare}
          clearable
          value={other?.id ?? null}
          onChange={(id) => void compare(id)}
          comboboxProps={{ width: 260, position: "bottom-start" }}
          data={others.map(({ id, label }) => ({ value: id, label }))}
        />
      )}
    </div>
  );
  if (layout === "stack") {
    return (
      <div className={css.panes} data-several={other !== null || undefined}>
        {other && <div className={css.bar}>{choose}</div>}
        {[series, ...(other ? [other.series] : [])].map((shown, pane) => (
          <StackPane
            key={pane === 0 ? "own" : other?.id}
            {...shown}
            pane={pane}
            start={pane === 0 ? start : null}
            whose={whose}
            layouts={other ? null : choose}
            active={other === null || active === pane}
            onActive={setActive}
            leading={other ? leading : null}
            onLead={setLeading}
            onRetry={onRetry}
            onDocuments={
              pane === 0 ? (urls) => setFound((before) => [...before, ...urls]) : undefined
            }
          />
        ))}
      </div>
    );
  }
  return (
    <Suspense fallback={<Loading label={t("Loading the images")} rows={1} />}>
      {layout === "documents" ? (
        <DocumentPane documents={documents} whose={whose} title={all.title} layouts={choose} />
      ) : layout === "planes" ? (
        <PlanesPane {...series} whose={whose} layouts={choose} onRetry={onRetry} />
      ) : (
        <GridPane
          {...series}
          whose={whose}
          layouts={choose}
          onRetry={onRetry}
          onOpen={(index) => {
            setStart(index);
            setLayout("stack");
          }}
        />
      )}
    </Suspense>
  );
}
