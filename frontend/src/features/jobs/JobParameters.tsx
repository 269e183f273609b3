import { Button, Select } from "@mantine/core";
import { IconPencil } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { type JobDefinition, jobsQuery, updateJob } from "../../api/jobs";
import { fieldProblems } from "../../api/problem";
import { keys } from "../../api/queries";
import type { JobTask } from "../../api/types";
import { t } from "../../i18n";
import page from "../../shared/page.module.css";
import { changesBetween } from "../../shared/schema/changes";
import { byField, type Draft, draftOf, readDraft } from "../../shared/schema/draft";
import { isClosed, type JsonObject } from "../../shared/schema/schema";
import { SchemaForm } from "../../shared/schema/SchemaForm";
import { ErrorLine, QueryView } from "../../shared/states";
import { isActive } from "../../shared/status";
import { jobFields, offered, toldWords, withoutDefaults } from "./parameters";

/** Which job a task runs and what it is told; changed here while it does not run. */
export function JobParameters({ task }: { task: JobTask }) {
  const jobs = useQuery(jobsQuery);
  const [editing, setEditing] = useState(false);
  const running = isActive(task.status);
  return (
    <QueryView query={jobs} rows={2} safe={t("The job runs with what the task says.")}>
      {(all) =>
        editing && !running ? (
          <JobForm
            // What somebody else has saved meanwhile is what is edited.
            key={task.version}
            task={task}
            jobs={all}
            onClose={() => setEditing(false)}
          />
        ) : (
          <Told task={task} job={all.find(({ id }) => id === task.dag_id)}>
            <Button
              size="xs"
              variant="default"
              leftSection={<IconPencil size={16} />}
              disabled={running}
              title={running ? t("It runs now") : undefined}
              onClick={() => setEditing(true)}
            >
              {t("Change")}
            </Button>
          </Told>
        )
      }
    </QueryView>
  );
}

function Told({
  task,
  job,
  children,
}: {
  task: JobTask;
  job: JobDefinition | undefined;
  children: ReactNode;
}) {
  const told = toldWords(job ? jobFields(job) : [], (task.parameter ?? {}) as JsonObject);
  return (
    <>
      <p>
        <strong>{job?.name ?? task.dag_id}</strong>
        {job?.description && <span className="dim"> {job.description}</span>}
      </p>
      {!job && (
        <p role="alert">
          {t("This server has no job {dagId}: it cannot run.", { dagId: task.dag_id })}
        </p>
      )}
      {job?.problem && <p role="alert">{job.problem}</p>}
      {told.length > 0 ? (
        <dl className={page.facts} aria-label={t("Parameters")}>
          {told.map(([label, words]) => (
            <div key={label} className={page.fact}>
              <dt>{label}</dt>
              <dd>{words}</dd>
            </div>
          ))}
        </dl>
      ) : (
        <p className="dim">{t("With its defaults.")}</p>
      )}
      <div>{children}</div>
    </>
  );
}

interface FormProps {
  task: JobTask;
  jobs: JobDefinition[];
  onClose: () => void;
}

function JobForm({ task, jobs, onClose }: FormProps) {
  const client = useQueryClient();
  const before = (task.parameter ?? {}) as JsonObject;
  const [id, setId] = useState(task.dag_id);
  const job = jobs.find((one) => one.id === id);
  const fields = job ? jobFields(job) : [];
  const [draft, setDraft] = useState<Draft>(() => draftOf(fields, before));
  const read = readDraft(fields, draft);
  const parameter = withoutDefaults(fields, read.parameter);
  const save = useMutation({
    mutationFn: () =>
      updateJob({
        ...task,
        dag_id: id,
        parameter: Object.keys(parameter).length > 0 ? parameter : null,
      }),
    onSuccess: onClose,
    onSettled: () =>
      client
        .invalidateQueries({ queryKey: ["exam"] })
        .then(() => client.invalidateQueries({ queryKey: keys.runs(task.id) })),
  });
  const wrong = Object.keys(read.problems).length > 0;
  const changed = id !== task.dag_id || changesBetween(before, parameter).length > 0;
  const refused = byField(
    fields,
    draft,
    fieldProblems(save.error).map((found) => ({
      ...found,
      field: found.field.replace(/^(DAG\.)?parameter\.?/, ""),
    })),
  );
  return (
    <form
      className={page.form}
      aria-label={t("Job")}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (!wrong && changed) save.mutate();
      }}
    >
      <Select
        label={t("Job")}
        description={job?.description}
        inputWrapperOrder={["label", "input", "error", "description"]}
        allowDeselect={false}
        value={id}
        data={offered(jobs, task.dag_id).map((one) => ({
          value: one.id,
          label: one.name,
          disabled: Boolean(one.problem) && one.id !== task.dag_id,
        }))}
        error={job ? job.problem || undefined : t("This server has no job {id}", { id })}
        onChange={(next) => {
          const chosen = jobs.find((one) => one.id === next);
          if (!chosen) return;
          // What the other job can be told, too, stays.
          const known = jobFields(chosen);
          const kept = Object.entries(read.parameter).filter(
            ([name]) =>
              !isClosed(chosen.parameters ?? {}) || known.some((one) => one.name === name),
          );
          setId(chosen.id);
          setDraft(draftOf(known, Object.fromEntries(kept)));
        }}
      />
      <SchemaForm
        fields={fields}
        draft={draft}
        problems={{ ...refused, ...read.problems }}
        defaults
        onChange={(next) => {
          setDraft(next);
          if (save.isError) save.reset();
        }}
      />
      <ErrorLine error={save.error} />
      <div className={page.formEnd}>
        <Button variant="default" onClick={onClose}>
          {t("Cancel")}
        </Button>
        <Button type="submit" disabled={wrong || !changed} loading={save.isPending}>
          {t("Save")}
        </Button>
      </div>
    </form>
  );
}
