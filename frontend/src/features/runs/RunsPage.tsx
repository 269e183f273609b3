import { Button, Select, TextInput } from "@mantine/core";
import { IconPlayerPlay, IconX } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";

import { jobsQuery } from "../../api/jobs";
import { moduleQueries } from "../../api/moduleQueries";
import { atEndOf } from "../../api/pages";
import { queries } from "../../api/queries";
import { runQueries } from "../../api/runQueries";
import type { AnyRun, RunKind } from "../../api/runs";
import { t } from "../../i18n";
import type { Column } from "../../shared/DataTable";
import {
  dayAndClock,
  duration,
  plainReason,
  secondsBetween,
  withLocalTimes,
} from "../../shared/format";
import { ListAndDetail } from "../../shared/ListAndDetail";
import page from "../../shared/page.module.css";
import { authorName } from "../../shared/schema/words";
import { HealthTabs } from "../../shared/SubNav";
import { Empty, QueryView } from "../../shared/states";
import { StatusBadge } from "../../shared/StatusBadge";
import { runLook } from "../processing/processing";
import { ChainDetail } from "./ChainDetail";
import {
  filterOf,
  isFiltered,
  NO_FILTER,
  RUN_KIND_NAMES,
  RUN_KINDS,
  RUN_VIEW_NAMES,
  RUN_VIEWS,
  type RunSearch,
  whyWords,
} from "./filter";
import { RunDetail } from "./RunDetail";

type Names = Map<string, string>;

const columnsFor = (jobs: Names, devices: Names): Column<AnyRun>[] => [
  {
    key: "state",
    head: t("State"),
    width: "148px",
    cell: ({ status }) => <StatusBadge look={runLook(status)} />,
  },
  {
    key: "job",
    head: t("Job or modules"),
    width: "minmax(150px, 1.4fr)",
    cell: ({ kind, jobs: names, job_version }) =>
      kind === "exam" ? (
        <>
          <strong>{jobs.get(names[0] ?? "") ?? names[0]}</strong>{" "}
          <span className="dim live-number">{job_version}</span>
        </>
      ) : (
        <strong>{names.join(" → ")}</strong>
      ),
  },
  {
    key: "for",
    head: t("For"),
    width: "minmax(110px, 1fr)",
    cell: ({ kind, rule, device_id }) =>
      kind === "case" ? (
        <>
          <span className="dim">{t("rule")}</span> {rule}
        </>
      ) : (
        <>
          <span className="dim">{t("exam")}</span>
          {device_id &&
            t(" on {devices}", { devices: devices.get(device_id) ?? t("a scanner that is gone") })}
        </>
      ),
  },
  {
    key: "why",
    head: t("Why"),
    width: "minmax(140px, 2fr)",
    optional: true,
    cell: (run) => (
      <span className="live-number">{withLocalTimes(plainReason(whyWords(run)))}</span>
    ),
  },
  {
    key: "who",
    head: t("Asked for by"),
    width: "112px",
    optional: true,
    cell: ({ kind, requested_by }) =>
      requested_by ? (
        authorName(requested_by)
      ) : (
        <span className="dim">{kind === "exam" ? t("its inputs") : t("its rule")}</span>
      ),
  },
  {
    key: "took",
    head: t("Took"),
    width: "84px",
    optional: true,
    cell: (run) => <span className="live-number">{tookWords(run)}</span>,
  },
  {
    key: "since",
    head: t("Asked for"),
    width: "124px",
    cell: ({ created_at, priority }) => (
      <span className="live-number">
        {dayAndClock(created_at)}
        {priority === "urgent" && <strong title={t("Urgent")}> !</strong>}
      </span>
    ),
  },
];

function tookWords({ started_at, ended_at }: AnyRun): string {
  const took = ended_at ? secondsBetween(started_at, Date.parse(ended_at)) : null;
  return took === null ? "" : duration(took);
}

interface Props {
  search: RunSearch;
  selectedId: string | null;
  onSearch: (changes: Partial<RunSearch>) => void;
  onSelect: (id: string | null) => void;
}

/** All runs, of jobs of exams and of modules of cases, newest first. */
export function RunsPage({ search, selectedId, onSearch, onSelect }: Props) {
  const runs = useInfiniteQuery(runQueries.list(filterOf(search)));
  const jobs = namesOf(useQuery(jobsQuery).data ?? []);
  const modules = (useQuery(moduleQueries.modules).data ?? []).map(({ name }) => name);
  const devices = namesOf(useQuery(queries.devices).data ?? []);
  const close = () => onSelect(null);
  const names = { jobs, devices, onClose: close, onSelect };
  return (
    <div className={page.page}>
      <HealthTabs />
      <header className={page.head}>
        <h1>{t("Runs")}</h1>
        <Filters
          search={search}
          jobs={jobs}
          modules={modules}
          devices={devices}
          onSearch={onSearch}
        />
      </header>
      <ListAndDetail
        query={runs}
        rows={runs.data}
        safe={t("Jobs run all the same.")}
        label={t("Runs")}
        columns={columnsFor(jobs, devices)}
        rowId={({ id }) => id}
        selectedId={selectedId}
        onSelect={onSelect}
        onEnd={atEndOf(runs)}
        empty={
          isFiltered(search) ? (
            <Empty icon={IconPlayerPlay} title={t("No run is like that")}>
              {t("Choose another kind, state, job, scanner or day.")}
            </Empty>
          ) : (
            <Empty icon={IconPlayerPlay} title={t("Nothing has run yet")}>
              {t(
                "A job task of an exam runs when its inputs are there: as soon as a scan is over, its reconstruction is here. So are the modules that rules ask for.",
              )}
            </Empty>
          )
        }
        detail={
          selectedId && (
            <Detail
              key={selectedId}
              id={selectedId}
              kind={runs.data?.find(({ id }) => id === selectedId)?.kind ?? null}
              {...names}
            />
          )
        }
      />
    </div>
  );
}

interface DetailProps {
  id: string;
  /** Null where the list does not have it. */
  kind: RunKind | null;
  jobs: Names;
  devices: Names;
  onClose: () => void;
  onSelect: (id: string) => void;
}

function Detail({ id, kind, onClose, ...names }: DetailProps) {
  const found = useQuery({ ...runQueries.kind(id), enabled: kind === null });
  const known = kind ?? found.data;
  if (known === "exam") return <RunDetail id={id} onClose={onClose} {...names} />;
  if (known === "case") return <ChainDetail id={id} onClose={onClose} />;
  return (
    <aside className={page.detail} aria-label={t("Run")}>
      <QueryView query={found} rows={8} safe={t("The run itself is not affected.")}>
        {() => null}
      </QueryView>
    </aside>
  );
}

const namesOf = (all: { id: string; name: string }[]): Names =>
  new Map(all.map(({ id, name }) => [id, name]));

interface FilterProps extends Pick<Props, "search" | "onSearch"> {
  jobs: Names;
  modules: string[];
  devices: Names;
}

function Filters({ search, jobs, modules, devices, onSearch }: FilterProps) {
  const { kind } = search;
  // Only one of the two kinds has what is chosen from.
  const work = new Map([
    ...(kind === "case" ? [] : jobs),
    ...(kind === "exam" ? [] : modules.map((name) => [name, name] as const)),
  ]);
  return (
    <div className={page.actions}>
      <div className={page.choice} role="group" aria-label={t("Of what")}>
        {[null, ...RUN_KIND_NAMES].map((each) => (
          <button
            key={each}
            type="button"
            aria-pressed={each === kind}
            onClick={() => onSearch({ kind: each, job: null, device: null })}
          >
            {each ? RUN_KINDS[each] : t("Both")}
          </button>
        ))}
      </div>
      <div className={page.choice} role="group" aria-label={t("Which")}>
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
        label={t("Job or module")}
        any={t("Any job")}
        value={search.job}
        names={work}
        onPick={(job) => onSearch({ job })}
      />
      {(kind === "exam" || search.device) && (
        <Choice
          label={t("Scanner")}
          any={t("Any scanner")}
          value={search.device}
          names={devices}
          onPick={(device) => onSearch({ device })}
        />
      )}
      <TextInput
        type="date"
        aria-label={t("Since")}
        title={t("Asked for on this day or later")}
        value={search.since ?? ""}
        onChange={({ currentTarget: { value } }) => onSearch({ since: value || null })}
      />
      {isFiltered(search) && (
        <Button
          variant="subtle"
          color="gray"
          leftSection={<IconX size={16} />}
          onClick={() => onSearch(NO_FILTER)}
        >
          {t("Show all")}
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
