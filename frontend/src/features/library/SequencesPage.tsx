import { Button } from "@mantine/core";
import { IconUpload, IconWaveSine } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";

import { libraryQueries, type Sequence } from "../../api/library";
import { atEndOf } from "../../api/pages";
import { queries } from "../../api/queries";
import { t } from "../../i18n";
import type { Column } from "../../shared/DataTable";
import { dayOrClock, duration } from "../../shared/format";
import { ListAndDetail } from "../../shared/ListAndDetail";
import page from "../../shared/page.module.css";
import { PageHead } from "../../shared/PageHead";
import { guarded, useMayPlan } from "../../shared/roles";
import { Empty } from "../../shared/states";
import { LibraryTabs } from "../../shared/SubNav";
import { SequenceDetail } from "./SequenceDetail";
import { SequenceLook } from "./SequenceLook";

const SequenceModal = lazy(() => import("./SequenceModal"));

const none = <span className="dim">–</span>;
const COLUMNS: Column<Sequence>[] = [
  {
    key: "name",
    head: t("Sequence"),
    width: "minmax(140px, 2fr)",
    cell: ({ name }) => <strong>{name}</strong>,
  },
  {
    key: "type",
    head: t("Kind"),
    width: "88px",
    cell: ({ sequence_type }) => sequence_type || none,
  },
  {
    key: "time",
    head: t("Scan time"),
    width: "84px",
    cell: ({ facts }) => (facts ? duration(facts.duration_s) : none),
  },
  {
    key: "version",
    head: t("Version"),
    width: "64px",
    cell: ({ lineage_version }) => lineage_version,
  },
  {
    key: "tags",
    head: t("Tags"),
    width: "minmax(80px, 1fr)",
    optional: true,
    cell: ({ tags }) => (tags && tags.length > 0 ? tags.join(", ") : none),
  },
  {
    key: "description",
    head: t("Description"),
    width: "minmax(120px, 1.5fr)",
    optional: true,
    cell: ({ description }) => description || none,
  },
  {
    key: "when",
    head: t("Uploaded"),
    width: "96px",
    optional: true,
    cell: ({ created_at }) => <span className="live-number">{dayOrClock(created_at)}</span>,
  },
];

interface Props {
  filter: string;
  selectedId: string | null;
  onFilter: (filter: string) => void;
  onSelect: (id: string | null) => void;
  /** What is looked at instead of the list: its plots, beside those of another one. */
  look: { comparedId: string | null } | null;
  onLook: (look: { comparedId: string | null } | null) => void;
}

/** Pulseq files: what each plays, in versions, and where it is used. */
export function SequencesPage(props: Props) {
  const { filter, selectedId, onFilter, onSelect, look, onLook } = props;
  const sequences = useInfiniteQuery(libraryQueries.sequences(filter.trim()));
  const every = useQuery(queries.sequences);
  const [uploading, setUploading] = useState(false);
  const mayNot = useMayPlan();
  // An older version is no row of the list: it may be shown all the same.
  const selected = [...(sequences.data ?? []), ...(every.data ?? [])].find(
    ({ _id }) => _id === selectedId,
  );
  if (look && selected) {
    return (
      <SequenceLook
        sequence={selected}
        comparedId={look.comparedId}
        onCompare={(comparedId) => onLook({ comparedId })}
        onClose={() => onLook(null)}
      />
    );
  }
  return (
    <div className={page.page}>
      <LibraryTabs />
      <PageHead
        title={t("Sequences")}
        filter={filter}
        placeholder={t("Search names, kinds, tags")}
        onFilter={onFilter}
      >
        <Button
          leftSection={<IconUpload size={16} />}
          {...guarded(mayNot)}
          onClick={() => setUploading(true)}
        >
          {t("Upload sequence")}
        </Button>
      </PageHead>
      <ListAndDetail
        query={sequences}
        rows={sequences.data}
        safe={t("The sequences themselves are not affected.")}
        label={t("Sequences")}
        columns={COLUMNS}
        rowId={({ _id }) => _id}
        selectedId={selectedId}
        onSelect={onSelect}
        onEnd={atEndOf(sequences)}
        empty={
          <Empty
            icon={IconWaveSine}
            title={filter ? t("Nothing matches “{filter}”", { filter }) : t("No sequences yet")}
          >
            {filter
              ? t("Search for other words.")
              : t("Upload a Pulseq file (.seq), or take a ready protocol, which brings its own.")}
          </Empty>
        }
        detail={
          selected && (
            <SequenceDetail
              key={selected._id}
              sequence={selected}
              onOpen={onSelect}
              onLook={(comparedId) => onLook({ comparedId })}
              onClose={() => onSelect(null)}
            />
          )
        }
      />
      <Suspense>
        {uploading && (
          <SequenceModal
            versionOf={null}
            onClose={() => setUploading(false)}
            onMade={({ _id }) => onSelect(_id)}
          />
        )}
      </Suspense>
    </div>
  );
}
