import { Button, Select } from "@mantine/core";
import { IconPlayerPause, IconSend } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";

import { imageQueries } from "../../api/imageQueries";
import type { Dispatch, Pause } from "../../api/images";
import { atEndOf } from "../../api/pages";
import { said, t } from "../../i18n";
import type { Column } from "../../shared/DataTable";
import { patientWords } from "../../shared/dicomText";
import { dayAndClock } from "../../shared/format";
import { ListAndDetail } from "../../shared/ListAndDetail";
import { OlderOnes } from "../../shared/OlderOnes";
import page from "../../shared/page.module.css";
import { guarded, useMayOperate } from "../../shared/roles";
import { PageHead } from "../../shared/PageHead";
import { Empty } from "../../shared/states";
import { StatusBadge } from "../../shared/StatusBadge";
import { containsWords } from "../worklist/worklist";
import { DispatchDetail } from "./DispatchDetail";
import { PauseBanner } from "./PauseBanner";
import {
  dispatchLook,
  inOrder,
  PRIORITY_WORDS,
  type QueueView,
  VIEW_NAMES,
  VIEWS,
  whyWords,
} from "./sending";

const PauseModal = lazy(() => import("./PauseModal"));

const columnsFor = (pauses: Pause[]): Column<Dispatch>[] => [
  {
    key: "state",
    head: t("State"),
    width: "108px",
    cell: (row) => <StatusBadge look={dispatchLook(row, pauses)} />,
  },
  {
    key: "target",
    head: t("Target"),
    width: "minmax(90px, 1fr)",
    cell: ({ target }) => <strong>{target}</strong>,
  },
  {
    key: "patient",
    head: t("Patient"),
    width: "minmax(110px, 1.2fr)",
    cell: patientWords,
  },
  {
    key: "series",
    head: t("Series"),
    width: "minmax(90px, 1fr)",
    optional: true,
    cell: ({ series_description }) => series_description || <span className="dim">–</span>,
  },
  {
    key: "priority",
    head: t("Priority"),
    width: "76px",
    optional: true,
    cell: ({ priority = "normal" }) =>
      priority === "normal" ? (
        <span className="dim">{t("Normal")}</span>
      ) : (
        <strong>{PRIORITY_WORDS[priority]}</strong>
      ),
  },
  {
    key: "sent",
    head: t("Sent"),
    width: "84px",
    cell: ({ sent, instances }) => (
      <span className="live-number">
        {sent}/{instances}
      </span>
    ),
  },
  {
    key: "why",
    head: t("Why"),
    width: "minmax(120px, 2fr)",
    optional: true,
    cell: (row) => <span title={whyWords(row)}>{whyWords(row)}</span>,
  },
  {
    key: "since",
    head: t("Since"),
    width: "124px",
    optional: true,
    cell: ({ ended_at, created_at }) => (
      <span className="live-number">{dayAndClock(ended_at ?? created_at)}</span>
    ),
  },
];

interface Props {
  filter: string;
  view: QueueView;
  target: string | null;
  selectedId: string | null;
  onFilter: (filter: string) => void;
  onView: (view: QueueView) => void;
  onTarget: (target: string | null) => void;
  onSelect: (id: string | null) => void;
}

export function QueuePage(props: Props) {
  const { filter, view, target, selectedId, onFilter, onView, onTarget, onSelect } = props;
  const queue = useInfiniteQuery(
    imageQueries.queue({ statuses: [...VIEWS[view].statuses], target }),
  );
  const pauses = useQuery(imageQueries.pauses).data ?? [];
  const targets = useQuery(imageQueries.targets).data ?? [];
  const mayNot = useMayOperate();
  const [pausing, setPausing] = useState(false);
  const names = [...new Set([...targets.map(({ name }) => name), ...(target ? [target] : [])])];
  return (
    <div className={page.page}>
      <PageHead
        title={said("of what is sent", "Queue")}
        filter={filter}
        placeholder={t("Filter by patient, series, target")}
        onFilter={onFilter}
      >
        <ViewChoice view={view} onView={onView} />
        <Select
          aria-label={t("Target")}
          placeholder={t("Any target")}
          clearable
          searchable
          className={page.select}
          value={target}
          onChange={onTarget}
          data={names}
        />
        <Button
          {...guarded(mayNot)}
          variant="default"
          leftSection={<IconPlayerPause size={16} />}
          onClick={() => setPausing(true)}
        >
          {t("Pause sending")}
        </Button>
      </PageHead>
      <PauseBanner />
      <ListAndDetail
        query={queue}
        rows={
          queue.data && inOrder(queue.data).filter((row) => containsWords(wordsOf(row), filter))
        }
        safe={t("Sending goes on; this list could not be read.")}
        label={said("of what is sent", "Queue")}
        columns={columnsFor(pauses)}
        rowId={({ id }) => id}
        selectedId={selectedId}
        onSelect={onSelect}
        onEnd={filter ? undefined : atEndOf(queue)}
        empty={<Nothing {...props} />}
        note={filter && <OlderOnes query={queue} />}
        detail={
          selectedId && (
            <DispatchDetail
              key={selectedId}
              id={selectedId}
              pauses={pauses}
              onClose={() => onSelect(null)}
              onSelect={onSelect}
            />
          )
        }
      />
      <Suspense>
        {pausing && <PauseModal target={target} onClose={() => setPausing(false)} />}
      </Suspense>
    </div>
  );
}

function wordsOf(row: Dispatch): string[] {
  return [
    patientWords(row),
    row.patient_id ?? "",
    row.study_description ?? "",
    row.series_description ?? "",
    row.accession_number ?? "",
    row.target,
    row.series_instance_uid,
  ];
}

function ViewChoice({ view, onView }: Pick<Props, "view" | "onView">) {
  return (
    <div className={page.choice} role="group" aria-label={t("Which")}>
      {VIEW_NAMES.map((name) => (
        <button key={name} type="button" aria-pressed={name === view} onClick={() => onView(name)}>
          {VIEWS[name].label}
        </button>
      ))}
    </div>
  );
}

function Nothing({ filter, view, target, onFilter, onView, onTarget }: Props) {
  const narrowed = filter !== "" || target !== null;
  return (
    <Empty
      icon={IconSend}
      title={
        narrowed
          ? t("Nothing matches")
          : view === "open"
            ? t("Nothing is on its way")
            : view === "failed"
              ? t("Nothing has failed")
              : t("Nothing was sent yet")
      }
      action={
        narrowed ? (
          <Button
            variant="default"
            onClick={() => {
              if (filter) onFilter("");
              if (target) onTarget(null);
            }}
          >
            {t("Show all")}
          </Button>
        ) : (
          view !== "all" && (
            <Button variant="default" onClick={() => onView("all")}>
              {t("Show all that was ever sent")}
            </Button>
          )
        )
      }
    >
      {narrowed
        ? t("Another state or target may have it.")
        : t("Rules send series when they are complete; from the archive they are sent by hand.")}
    </Empty>
  );
}
