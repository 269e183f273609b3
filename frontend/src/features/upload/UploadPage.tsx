import { IconDatabaseImport } from "@tabler/icons-react";
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";

import { imageKeys, imageQueries } from "../../api/imageQueries";
import type { Import } from "../../api/imports";
import { atEndOf } from "../../api/pages";
import { t } from "../../i18n";
import type { Column } from "../../shared/DataTable";
import { dayAndClock } from "../../shared/format";
import { ListAndDetail } from "../../shared/ListAndDetail";
import page from "../../shared/page.module.css";
import { Empty } from "../../shared/states";
import { StatusBadge } from "../../shared/StatusBadge";
import { ArchiveTabs } from "../../shared/SubNav";
import { DataSets } from "./DataSets";
import { DropZone } from "./DropZone";
import { ImportDetail } from "./ImportDetail";
import { IMPORT_STATE, originWords, resultWords } from "./looks";
import { ServerFolders } from "./ServerFolders";
import { uploads } from "./uploads";
import { UploadsUnderWay } from "./UploadsUnderWay";

const COLUMNS: Column<Import>[] = [
  {
    key: "state",
    head: t("State"),
    width: "104px",
    cell: ({ state }) => <StatusBadge look={IMPORT_STATE[state]} />,
  },
  { key: "what", head: t("From"), width: "minmax(140px, 1.4fr)", cell: originWords },
  {
    key: "result",
    head: t("What became of it"),
    width: "minmax(160px, 2fr)",
    cell: (row) => <span className="live-number">{row.reason || resultWords(row)}</span>,
  },
  {
    key: "rule",
    head: t("Decided by"),
    width: "minmax(90px, 1fr)",
    optional: true,
    cell: ({ forced_rule }) => forced_rule || <span className="dim">{t("all rules")}</span>,
  },
  {
    key: "when",
    head: t("Began"),
    width: "124px",
    optional: true,
    cell: ({ created_at }) => dayAndClock(created_at),
  },
];

/** The ways in for files, beside those of scanners. */
const VIEWS = { files: t("Files"), folders: t("Folders of the server"), sets: t("Data sets") };
export type UploadView = keyof typeof VIEWS;
export const UPLOAD_VIEWS = Object.keys(VIEWS) as UploadView[];

interface Props {
  view: UploadView;
  selectedId: string | null;
  onView: (view: UploadView) => void;
  onSelect: (id: string | null) => void;
}

/** Files into the archive, and what became of each. */
export function UploadPage({ view, selectedId, onView, onSelect }: Props) {
  const client = useQueryClient();
  useEffect(() => {
    uploads.onSent = () => void client.invalidateQueries({ queryKey: imageKeys.imports });
    return () => {
      uploads.onSent = null;
    };
  }, [client]);
  return (
    <div className={page.page}>
      <ArchiveTabs />
      <header className={page.head}>
        <h1>{t("Upload")}</h1>
        <div className={page.actions}>
          <div className={page.choice} role="group" aria-label={t("What")}>
            {UPLOAD_VIEWS.map((name) => (
              <button
                key={name}
                type="button"
                aria-pressed={name === view}
                onClick={() => onView(name)}
              >
                {VIEWS[name]}
              </button>
            ))}
          </div>
        </div>
      </header>
      {view === "sets" && <DataSets onReplayed={onSelect} />}
      {view === "folders" && <ServerFolders onBegun={onSelect} />}
      {view === "files" && (
        <>
          <DropZone />
          <UploadsUnderWay />
          <Imports selectedId={selectedId} onSelect={onSelect} />
        </>
      )}
    </div>
  );
}

function Imports({ selectedId, onSelect }: Pick<Props, "selectedId" | "onSelect">) {
  const imports = useInfiniteQuery(imageQueries.imports);
  return (
    <ListAndDetail
      query={imports}
      rows={imports.data}
      safe={t("Imports go on; this list could not be read.")}
      label={t("Imports")}
      columns={COLUMNS}
      rowId={({ id }) => id}
      selectedId={selectedId}
      onSelect={onSelect}
      onEnd={atEndOf(imports)}
      empty={
        <Empty icon={IconDatabaseImport} title={t("Nothing was imported yet")}>
          {t("What became of each file is told here; of those that were refused, why.")}
        </Empty>
      }
      detail={
        selectedId && (
          <ImportDetail key={selectedId} id={selectedId} onClose={() => onSelect(null)} />
        )
      }
    />
  );
}
