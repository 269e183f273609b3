import { Button, Modal, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { moduleKeys, moduleQueries } from "../../api/moduleQueries";
import {
  createModule,
  type Module,
  type ModuleIn,
  type ModuleRunner,
  replaceModule,
} from "../../api/modules";
import { jobsQuery } from "../../api/jobs";
import { fieldProblems } from "../../api/problem";
import { t } from "../../i18n";
import page from "../../shared/page.module.css";
import { useMayAdminister } from "../../shared/roles";
import { changesBetween } from "../../shared/schema/changes";
import { conflictOf, rebased } from "../../shared/schema/conflict";
import { ConflictNotice } from "../../shared/schema/ConflictNotice";
import { byField, type Draft, draftOf, readDraft } from "../../shared/schema/draft";
import type { JsonObject } from "../../shared/schema/schema";
import { SchemaForm } from "../../shared/schema/SchemaForm";
import { ErrorLine } from "../../shared/states";
import { EnvironmentFields } from "./EnvironmentFields";
import { JobChoice, JobSettings } from "./JobFields";
import {
  allFields,
  environmentOf,
  fieldGroups,
  isName,
  NAME_PROBLEM,
  newSettings,
  RUNNERS,
  sent,
  settingLabel,
  settingProblems,
  settingsOf,
  storedVariables,
  unlikeObjects,
  type Variable,
  variableProblems,
  variablesOver,
  wholeOf,
} from "./module";
import css from "./modules.module.css";

interface Props {
  /** Null: a new one. */
  module: Module | null;
  onClose: () => void;
  onSaved?: (name: string) => void;
}

/** Makes or changes a processing module. */
export default function ModuleModal({ module, onClose, onSaved }: Props) {
  const [runner, setRunner] = useState<ModuleRunner | null>(module?.runner ?? null);
  const title = module
    ? t("Change {module}", { module: module.name })
    : runner
      ? t("Add a module: {runners}", { runners: RUNNERS[runner].name })
      : t("Add a module");
  return (
    <Modal opened onClose={onClose} size={760} title={title} closeOnClickOutside={false}>
      {runner === null ? (
        <RunnerChoice onPick={setRunner} />
      ) : (
        <ModuleForm runner={runner} first={module} onClose={onClose} onSaved={onSaved} />
      )}
    </Modal>
  );
}

function RunnerChoice({ onPick }: { onPick: (runner: ModuleRunner) => void }) {
  return (
    <div className={css.runners} role="group" aria-label={t("How it runs")}>
      {(Object.keys(RUNNERS) as ModuleRunner[]).map((runner) => (
        <button key={runner} type="button" onClick={() => onPick(runner)}>
          <strong>{RUNNERS[runner].name}</strong>
          <span className="dim">{RUNNERS[runner].about}</span>
        </button>
      ))}
    </div>
  );
}

interface FormProps extends Omit<Props, "module"> {
  runner: ModuleRunner;
  first: Module | null;
}

/** As much of a document as the form of this runner shows, as typed. */
function typedIn(runner: ModuleRunner, document: JsonObject): Draft {
  const fields = allFields(runner);
  const shown = Object.entries(document).filter(([name]) =>
    fields.some((field) => field.name === name),
  );
  return draftOf(fields, Object.fromEntries(shown));
}

function ModuleForm({ runner, first, onClose, onSaved }: FormProps) {
  const client = useQueryClient();
  const mayNot = useMayAdminister();
  const fields = allFields(runner);
  const [base, setBase] = useState(first);
  const [name, setName] = useState(first?.name ?? "");
  const known = base ? settingsOf(base) : newSettings();
  const [draft, setDraft] = useState<Draft>(() => typedIn(runner, known));
  const [variables, setVariables] = useState<Variable[]>(() =>
    storedVariables(first?.environment ?? []),
  );
  const [tried, setTried] = useState(false);
  const [ofJob, setOfJob] = useState<Record<string, string>>({});
  const jobs = useQuery({ ...jobsQuery, enabled: runner === "job" }).data ?? [];
  const job = runner === "job" ? jobs.find(({ id }) => id === draft.job) : undefined;
  // What the job says of itself is asked for by a form of its own.
  const ownFields = runner === "job" ? ["job", ...(job ? ["settings"] : [])] : [];
  const read = readDraft(fields, draft);
  const edited = wholeOf(known, runner, read.parameter);
  const missing = { ...unlikeObjects(runner, read.parameter), ...read.problems };
  const unnamed = variableProblems(variables);
  const environment = environmentOf(variables, base?.environment ?? []);
  const nameProblem = isName(name.trim()) ? null : name.trim() ? NAME_PROBLEM : t("is needed");
  const wrong =
    Object.keys({ ...missing, ...unnamed, ...ofJob }).length > 0 || nameProblem !== null;
  const changed = !base || environment !== undefined || changesBetween(known, edited).length > 0;
  const save = useMutation({
    mutationFn: () => {
      const body = {
        ...sent(edited),
        runner,
        name: name.trim(),
        ...(environment && { environment }),
      } as unknown as ModuleIn;
      return base ? replaceModule(base.name, base.version, body) : createModule(body);
    },
    onSuccess: async (saved) => {
      onClose();
      await client.invalidateQueries({ queryKey: moduleKeys.modules });
      onSaved?.(saved.name);
    },
    onError: () => client.invalidateQueries({ queryKey: moduleKeys.modules }),
  });
  const refused = byField(fields, draft, fieldProblems(save.error));
  const problems = { ...refused, ...(tried || base ? missing : {}) };
  const newest = useNewer(base);
  const change = (next: Draft) => {
    setDraft(next);
    if (save.isError) save.reset();
  };
  const begin = (found: Module, document: JsonObject) => {
    setBase(found);
    setDraft(typedIn(runner, document));
    // Values of variables are typed, not read: they stay in the form.
    setVariables((now) => variablesOver(now, found.environment));
    save.reset();
  };
  return (
    <form
      className={page.form}
      aria-label={t("Module")}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        setTried(true);
        if (!wrong && changed) save.mutate();
      }}
    >
      {newest && base && (
        <ConflictNotice
          newest={{ version: newest.version, created_at: newest.updated_at }}
          conflict={conflictOf(known, settingsOf(newest), edited)}
          fields={fields}
          nameOf={settingLabel}
          readable={Object.keys(missing).length === 0}
          onKeep={(conflict) => begin(newest, rebased(settingsOf(newest), conflict))}
          onDrop={() => begin(newest, settingsOf(newest))}
        />
      )}
      {!base && (
        <TextInput
          label={t("Name")}
          description={t("Rules call it so; it cannot be changed later")}
          inputWrapperOrder={["label", "input", "error", "description"]}
          data-autofocus
          autoComplete="off"
          maxLength={100}
          value={name}
          error={tried && nameProblem}
          onChange={(event) => setName(event.currentTarget.value)}
        />
      )}
      {fieldGroups(runner).map((group) => (
        <section key={group.title} className={css.group} aria-label={group.title}>
          <h3>{group.title}</h3>
          {runner === "job" && group.title === "What runs" && (
            <JobChoice
              jobs={jobs}
              id={draft.job ?? ""}
              problem={problems.job}
              onPick={(id) => change({ ...draft, job: id })}
            />
          )}
          {job && group.title === "Settings" && (
            <JobSettings
              key={job.id}
              job={job}
              text={draft.settings ?? ""}
              refused={settingProblems(fieldProblems(save.error))}
              onChange={(settings, unread) => {
                setOfJob(unread);
                change({ ...draft, settings });
              }}
            />
          )}
          <SchemaForm
            fields={group.fields.filter(({ name: field }) => !ownFields.includes(field))}
            draft={draft}
            problems={problems}
            onChange={change}
          />
          {group.title === "Settings" && (
            <EnvironmentFields
              variables={variables}
              problems={tried ? unnamed : {}}
              onChange={setVariables}
            />
          )}
        </section>
      ))}
      {!newest && <ErrorLine error={save.error} />}
      <div className={`${page.formEnd} ${page.formEndInSight}`}>
        {mayNot ? (
          <p className="dim">{mayNot}</p>
        ) : (
          tried && wrong && <p className="dim">{t("Something is missing or wrong above.")}</p>
        )}
        <Button variant="default" onClick={onClose}>
          {t("Cancel")}
        </Button>
        <Button
          type="submit"
          disabled={mayNot !== null || !changed || newest !== null}
          loading={save.isPending}
        >
          {base ? t("Save") : t("Add module")}
        </Button>
      </div>
    </form>
  );
}

/** The module in force, when somebody has saved it since `base` was read. */
function useNewer(base: Module | null): Module | null {
  const all = useQuery({ ...moduleQueries.modules, enabled: base !== null }).data;
  const found = base && all?.find(({ name }) => name === base.name);
  return found && found.version > base.version ? found : null;
}
