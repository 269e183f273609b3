import { Button, Select, TextInput } from "@mantine/core";
import { IconPlayerPlay, IconX } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";

import { jobsQuery } from "../../api/jobs";
import { atEndOf } from "../../api/pages";
import { queries } from "../../api/queries";
import { runQueries } from "../../api/runQueries";
import type { Run } from "../../api/types";
import type { Column } from "../../shared/DataTable";
import { dayAndClock, duration, secondsBetween } from "../../shared/format";
import { ListAndDetail } from "../../shared/ListAndDetail";
import page from "../../shared/page.module.css";
import { authorName } from "../../shared/schema/words";
import { HealthTabs } from "../../shared/SubNav";
import { Empty } from "../../shared/states";
import { workStatus } from "../../shared/status";
import { StatusBadge } from "../../shared/StatusBadge";
import { filterOf, isFiltered, RUN_VIEW_NAMES, RUN_VIEWS, type RunSearch } from "./filter";
import { RunDetail } from "./RunDetail";

type Names = Map<string, string>;

const columnsFor = (jobs: Names, devices: Names): Column<Run>[] => [
  {
    key: "state",
    head: "State",
    width: "116px",
    cell: ({ status }) => <StatusBadge look={workStatus(status)} />,
  },
  {
    key: "job",
    head: "Job",
    width: "minmax(130px, 1.2fr)",
    cell: ({ job_id, job_version }) => (
      <>
        <strong>{jobs.get(job_id) ?? job_id}</strong>{" "}
        <span className="dim live-number">{job_version}</span>
      </>
    ),
  },
  {
    key: "device",
    head: "Scanner",
    width: "minmax(90px, 1fr)",
    optional: true,
    cell: ({ device_id }) =>
      (device_id && (devices.get(device_id) ?? "a scanner that is gone")) || (
        <span className="dim">–</span>
      ),
  },
  {
    key: "why",
    head: "Why",
    width: "minmax(140px, 2fr)",
    optional: true,
    cell: ({ error, status, progress, waits_for }) =>
      error ??
      waits_for ??
      (status === "running" ? <span className="live-number">{progress} %</span> : ""),
  },
  {
    key: "who",
    head: "Asked for by",
    width: "112px",
    optional: true,
    cell: ({ requested_by = "" }) =>
      requested_by.startsWith("user:") ? (
        authorName(requested_by)
      ) : (
        <span className="dim">its inputs</span>
      ),
  },
  {
    key: "took",
    head: "Took",
    width: "84px",
    cell: (run) => <span className="live-number">{tookWords(run)}</span>,
  },
  {
    key: "since",
    head: "Asked for",
    width: "124px",
    cell: ({ created_at }) => <span className="live-number">{dayAndClock(created_at)}</span>,
  },
];

function tookWords({ started_at, ended_at }: Run): string {
  const took = ended_at ? secondsBetween(started_at, Date.parse(ended_at)) : null;
  return took === null ? "" : duration(took);
}

interface Props {
  search: RunSearch;
  selectedId: string | null;
  onSearch: (changes: Partial<RunSearch>) => void;
  onSelect: (id: string | null) => void;
}

/** All runs of jobs in exams, newest first. */
export function RunsPage({ search, selectedId, onSearch, onSelect }: Props) {
  const runs = useInfiniteQuery(runQueries.list(filterOf(search)));
  const jobs = namesOf(useQuery(jobsQuery).data ?? []);
  const devices = namesOf(useQuery(queries.devices).data ?? []);
  return (
    <div className={page.page}>
      <HealthTabs />
      <header className={page.head}>
        <h1>Runs</h1>
        <Filters search={search} jobs={jobs} devices={devices} onSearch={onSearch} />
      </header>
      <ListAndDetail
        query={runs}
        rows={runs.data}
        safe="Jobs run all the same."
        label="Runs"
        columns={columnsFor(jobs, devices)}
        rowId={({ id }) => id}
        selectedId={selectedId}
        onSelect={onSelect}
        onEnd={atEndOf(runs)}
        empty={
          isFiltered(search) ? (
            <Empty icon={IconPlayerPlay} title="No run is like that">
              Choose another state, job, scanner or day.
            </Empty>
          ) : (
            <Empty icon={IconPlayerPlay} title="No job has run yet">
              A job task of an exam runs when its inputs are there: as soon as a scan is over, its
              reconstruction is here.
            </Empty>
          )
        }
        detail={
          selectedId && (
            <RunDetail
              key={selectedId}
              id={selectedId}
              jobs={jobs}
              devices={devices}
              onClose={() => onSelect(null)}
              onSelect={onSelect}
            />
          )
        }
      />
    </div>
  );
}

const namesOf = (all: { id: string; name: string }[]): Names =>
  new Map(all.map(({ id, name }) => [id, name]));

interface FilterProps extends Pick<Props, "search" | "onSearch"> {
  jobs: Names;
  devices: Names;
}

function Filters({ search, jobs, devices, onSearch }: FilterProps) {
  return (
    <div className={page.actions}>
      <div className={page.choice} role="group" aria-label="Which">
        {RUN_VIEW_NAMES.map((name) => (
          <button
            key={name}
            type="button"
            aria-pressed={name === search.view}
            onClick={() => onSearch({ view: name })}
          >
            {RUN_VIEWS[name].label}
          </button>
        ))}
      </div>
      <Choice
        label="Job"
        any="Any job"
        value={search.job}
        names={jobs}
        onPick={(job) => onSearch({ job })}
      />
      <Choice
        label="Scanner"
        any="Any scanner"
        value={search.device}
        names={devices}
        onPick={(device) => onSearch({ device })}
      />
      <TextInput
        type="date"
        aria-label="Since"
        title="Asked for on this day or later"
        value={search.since ?? ""}
        onChange={({ currentTarget: { value } }) => onSearch({ since: value || null })}
      />
      {isFiltered(search) && (
        <Button
          variant="subtle"
          color="gray"
          leftSection={<IconX size={16} />}
          onClick={() => onSearch({ view: "all", job: null, device: null, since: null })}
        >
          Show all
        </Button>
      )}
    </div>
  );
}

interface ChoiceProps {
  label: string;
  any: string;
  value: string | null;
  names: Names;
  onPick: (id: string | null) => void;
}

function Choice({ label, any, value, names, onPick }: ChoiceProps) {
  const known = [...names].map(([id, name]) => ({ value: id, label: name }));
  // A link may name what is gone.
  const data = value && !names.has(value) ? [...known, { value, label: value }] : known;
  return (
    <Select
      aria-label={label}
      placeholder={any}
      clearable
      searchable
      className={page.select}
      value={value}
      data={data}
      onChange={onPick}
    />
  );
}
