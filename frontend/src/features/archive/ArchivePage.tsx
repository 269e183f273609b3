import { Button, Select } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconArchive, IconUpload } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import type { Study } from "../../api/archive";
import { imageQueries } from "../../api/imageQueries";
import { atEndOf } from "../../api/pages";
import { t } from "../../i18n";
import { type Column, DataTable } from "../../shared/DataTable";
import { dicomDate, dicomName, dicomTime } from "../../shared/dicomText";
import { ageInYears } from "../../shared/format";
import page from "../../shared/page.module.css";
import { PageHead } from "../../shared/PageHead";
import { Empty, QueryView } from "../../shared/states";
import { ArchiveTabs } from "../../shared/SubNav";
import { useNow } from "../../shared/useNow";
import { KeptAside } from "./KeptAside";
import { firstDay, type Period, PERIOD_WORDS, PERIODS } from "./search";
import { StudyView } from "./StudyView";

const dash = <span className="dim">–</span>;

const COLUMNS: Column<Study>[] = [
  {
    key: "patient",
    head: t("Patient"),
    width: "minmax(150px, 1.6fr)",
    cell: ({ patientName }) => <strong>{dicomName(patientName) || t("no name")}</strong>,
  },
  {
    key: "id",
    head: "ID",
    width: "minmax(96px, 0.9fr)",
    cell: ({ patientId }) => patientId || dash,
  },
  {
    key: "born",
    head: t("Born"),
    width: "128px",
    optional: true,
    cell: ({ birthDate, date }) => bornWords(birthDate, date) || dash,
  },
  {
    key: "date",
    head: t("Date"),
    width: "128px",
    cell: ({ date, time }) => (date ? `${dicomDate(date)} ${dicomTime(time)}` : dash),
  },
  {
    key: "description",
    head: t("Study"),
    width: "minmax(120px, 1.6fr)",
    cell: ({ description }) => description || dash,
  },
  {
    key: "modality",
    head: t("Modality"),
    width: "72px",
    optional: true,
    cell: ({ modalities }) => modalities.join(", ") || dash,
  },
  {
    key: "accession",
    head: t("Accession"),
    width: "minmax(90px, 0.8fr)",
    optional: true,
    cell: ({ accession }) => accession || dash,
  },
  {
    key: "images",
    head: t("Series · images"),
    width: "104px",
    cell: ({ series, instances }) => (
      <span className="live-number">
        {series} · {instances}
      </span>
    ),
  },
];

/** Birth date and the age on the day of the study. */
function bornWords(birthDate: string, date: string): string {
  const born = dicomDate(birthDate);
  const on = new Date(`${dicomDate(date)}T00:00:00`);
  const age = Number.isNaN(on.getTime()) ? null : ageInYears(born, on);
  return age === null || age < 0 ? born : `${born}, ${age} y`;
}

interface Props {
  filter: string;
  period: Period;
  aside: boolean;
  study: string | null;
  series: string | null;
  onFilter: (filter: string) => void;
  onPeriod: (period: Period) => void;
  onAside: (aside: boolean) => void;
  onStudy: (study: string | null) => void;
  onSeries: (series: string) => void;
}

export function ArchivePage(props: Props) {
  const { filter, period, aside, study, series, onFilter, onPeriod, onAside, onStudy } = props;
  if (study) {
    return (
      <StudyView
        key={study}
        uid={study}
        series={series}
        onSeries={props.onSeries}
        onClose={() => onStudy(null)}
      />
    );
  }
  return (
    <div className={page.page}>
      <ArchiveTabs />
      <PageHead
        title={t("Archive")}
        filter={filter}
        placeholder={t("Find by name, ID, accession, study")}
        onFilter={onFilter}
      >
        <div className={page.choice} role="group" aria-label={t("What")}>
          <button type="button" aria-pressed={!aside} onClick={() => onAside(false)}>
            {t("Studies")}
          </button>
          <button type="button" aria-pressed={aside} onClick={() => onAside(true)}>
            {t("Kept aside")}
          </button>
        </div>
        {!aside && (
          <Select
            aria-label={t("Date of the study")}
            className={page.select}
            allowDeselect={false}
            value={period}
            onChange={(next) => onPeriod((next ?? "any") as Period)}
            data={PERIODS.map((value) => ({ value, label: PERIOD_WORDS[value] }))}
          />
        )}
      </PageHead>
      {aside ? <KeptAside filter={filter} onStudy={onStudy} /> : <Studies {...props} />}
    </div>
  );
}

function Studies({ filter, period, onFilter, onPeriod, onStudy }: Props) {
  const [text] = useDebouncedValue(filter.trim(), 250);
  const now = new Date(useNow(true, 60_000));
  const studies = useInfiniteQuery(imageQueries.studies({ text, since: firstDay(period, now) }));
  return (
    <QueryView
      query={studies}
      rows={10}
      safe={t("The images are stored; only searching them failed.")}
    >
      {(rows) =>
        rows.length === 0 ? (
          <Nothing {...{ filter, period, onFilter, onPeriod }} />
        ) : (
          <DataTable
            label={t("Studies")}
            rows={rows}
            columns={COLUMNS}
            rowId={({ uid }) => uid}
            onOpen={({ uid }) => onStudy(uid)}
            onEnd={atEndOf(studies)}
          />
        )
      }
    </QueryView>
  );
}

type Search = Pick<Props, "filter" | "period" | "onFilter" | "onPeriod">;

function Nothing({ filter, period, onFilter, onPeriod }: Search) {
  const narrowed = filter !== "" || period !== "any";
  return (
    <Empty
      icon={IconArchive}
      title={narrowed ? t("No study matches") : t("The archive is empty")}
      action={
        narrowed ? (
          <Button
            variant="default"
            onClick={() => {
              if (filter) onFilter("");
              if (period !== "any") onPeriod("any");
            }}
          >
            {t("Show all studies")}
          </Button>
        ) : (
          <Button
            leftSection={<IconUpload size={16} />}
            renderRoot={(root) => <Link to="/upload" {...root} />}
          >
            {t("Upload images")}
          </Button>
        )
      }
    >
      {narrowed
        ? t("Names are found without accents and capitals; IDs as they are written.")
        : t("Send images to the DICOM node, fetch them from another system, or upload files.")}
    </Empty>
  );
}
