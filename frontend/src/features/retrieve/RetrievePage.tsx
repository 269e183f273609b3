import { Button } from "@mantine/core";
import { IconDatabaseSearch, IconDownload } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";

import { imageQueries } from "../../api/imageQueries";
import { atEndOf } from "../../api/pages";
import type { Retrieval } from "../../api/retrievals";
import { t } from "../../i18n";
import { ArchiveTabs } from "../../shared/SubNav";
import { Bar } from "../../shared/Bar";
import type { Column } from "../../shared/DataTable";
import { dayAndClock, plainReason } from "../../shared/format";
import { ListAndDetail } from "../../shared/ListAndDetail";
import page from "../../shared/page.module.css";
import { guarded, useMayOperate } from "../../shared/roles";
import { Empty } from "../../shared/states";
import { StatusBadge } from "../../shared/StatusBadge";
import { barOf, destinationWords, isSource, progressWords, retrievalLook } from "./retrieval";
import { RetrievalDetail } from "./RetrievalDetail";
import css from "./retrieve.module.css";

const FetchModal = lazy(() => import("./FetchModal"));

const COLUMNS: Column<Retrieval>[] = [
  {
    key: "state",
    head: t("State"),
    width: "112px",
    cell: (row) => <StatusBadge look={retrievalLook(row)} />,
  },
  {
    key: "source",
    head: t("From"),
    width: "minmax(110px, 1fr)",
    cell: ({ source }) => <strong title={source}>{source}</strong>,
  },
  {
    key: "progress",
    head: t("How far"),
    width: "minmax(190px, 1.6fr)",
    cell: (row) => (
      <span className={css.progress}>
        <span className="live-number">{progressWords(row)}</span>
        <Bar parts={barOf(row)} />
      </span>
    ),
  },
  {
    key: "images",
    head: t("Images"),
    width: "72px",
    cell: ({ instances }) => <span className="live-number">{instances}</span>,
  },
  {
    key: "to",
    head: t("To"),
    width: "minmax(100px, 1fr)",
    optional: true,
    cell: (row) => <span title={row.destination}>{destinationWords(row)}</span>,
  },
  {
    key: "who",
    head: t("By"),
    width: "minmax(80px, 0.7fr)",
    optional: true,
    cell: ({ requested_by }) => plainReason(requested_by),
  },
  {
    key: "when",
    head: t("Began"),
    width: "124px",
    optional: true,
    cell: ({ created_at }) => <span className="live-number">{dayAndClock(created_at)}</span>,
  },
];

interface Props {
  selectedId: string | null;
  onSelect: (id: string | null) => void;
}

/** Studies that are fetched from other systems by lists of accession numbers. */
export function RetrievePage({ selectedId, onSelect }: Props) {
  const retrievals = useInfiniteQuery(imageQueries.retrievals);
  const targets = useQuery(imageQueries.targets).data;
  const nowhere = targets && !targets.some(isSource) ? t("No target can be fetched from.") : null;
  const mayNot = useMayOperate() ?? nowhere;
  const [ordering, setOrdering] = useState(false);
  return (
    <div className={page.page}>
      <ArchiveTabs />
      <header className={page.head}>
        <h1>{t("Fetch")}</h1>
        <p className="dim">{t("Studies of other systems, by their accession numbers.")}</p>
        <div className={page.actions}>
          <Button
            leftSection={<IconDownload size={16} />}
            {...guarded(mayNot)}
            onClick={() => setOrdering(true)}
          >
            {t("Fetch studies")}
          </Button>
        </div>
      </header>
      <ListAndDetail
        query={retrievals}
        rows={retrievals.data}
        safe={t("Fetching goes on; this list could not be read.")}
        label={t("Retrievals")}
        columns={COLUMNS}
        rowId={({ id }) => id}
        selectedId={selectedId}
        onSelect={onSelect}
        onEnd={atEndOf(retrievals)}
        empty={<Nothing />}
        detail={
          selectedId && (
            <RetrievalDetail key={selectedId} id={selectedId} onClose={() => onSelect(null)} />
          )
        }
      />
      <Suspense>
        {ordering && <FetchModal onClose={() => setOrdering(false)} onBegun={onSelect} />}
      </Suspense>
    </div>
  );
}

/** Without a source, the way to one; with one, what to do. */
function Nothing() {
  const targets = useQuery(imageQueries.targets).data;
  if (targets && !targets.some(isSource)) {
    return (
      <Empty
        icon={IconDatabaseSearch}
        title={t("There is nothing to fetch from yet")}
        action={
          <Button variant="default" renderRoot={(root) => <Link to="/targets" {...root} />}>
            {t("To the targets")}
          </Button>
        }
      >
        {t(
          "A source is a DICOM node or DICOMweb server among the targets whose direction is “pull” or “both”.",
        )}
      </Empty>
    );
  }
  return (
    <Empty icon={IconDatabaseSearch} title={t("Nothing was fetched yet")}>
      {t(
        "Paste a list of accession numbers, or choose a file with them: what comes is treated like images from a scanner.",
      )}
    </Empty>
  );
}
