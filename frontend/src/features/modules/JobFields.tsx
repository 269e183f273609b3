import { Select } from "@mantine/core";
import { useState } from "react";

import type { JobDefinition } from "../../api/jobs";
import { t } from "../../i18n";
import { type Draft, draftOf, isObject, readDraft } from "../../shared/schema/draft";
import type { JsonObject } from "../../shared/schema/schema";
import { SchemaForm } from "../../shared/schema/SchemaForm";
import { jobFields, withoutDefaults } from "../jobs/parameters";
import { chainable } from "./module";

interface ChoiceProps {
  jobs: JobDefinition[];
  id: string;
  problem: string | undefined;
  onPick: (id: string) => void;
}

/** Which job of the installed packages a module is. */
export function JobChoice({ jobs, id, problem, onPick }: ChoiceProps) {
  const offered = jobs.filter((job) => chainable(job) || job.id === id);
  const job = jobs.find((one) => one.id === id);
  const known = offered.map((one) => ({
    value: one.id,
    label: one.version ? `${one.name} ${one.version}` : one.name,
    disabled: Boolean(one.problem) && one.id !== id,
  }));
  return (
    <Select
      label={t("Job")}
      description={
        job?.description ||
        (offered.length === 0
          ? t("No package with a job is installed beside the server")
          : t("Of the packages that are installed beside the server"))
      }
      inputWrapperOrder={["label", "input", "error", "description"]}
      searchable
      allowDeselect={false}
      value={id || null}
      data={id && !job ? [...known, { value: id, label: id, disabled: true }] : known}
      error={
        problem ??
        (id && !job ? t("This server has no job {id}", { id }) : job?.problem || undefined)
      }
      onChange={(next) => next && onPick(next)}
    />
  );
}

interface SettingsProps {
  job: JobDefinition;
  /** As JSON, as the form of the module has it. */
  text: string;
  /** What the server refused, by the name of the setting. */
  refused: Record<string, string>;
  onChange: (text: string, problems: Record<string, string>) => void;
}

/** What the job is told, as a form of its own schema; what is missing rules may add. */
export function JobSettings({ job, text, refused, onChange }: SettingsProps) {
  const fields = jobFields(job).map((field) => ({ ...field, required: false }));
  const [draft, setDraft] = useState<Draft>(() => draftOf(fields, objectOf(text)));
  const { problems } = readDraft(fields, draft);
  if (fields.length === 0 && Object.keys(objectOf(text)).length === 0) {
    return <p className="dim">{t("It cannot be told anything.")}</p>;
  }
  return (
    <SchemaForm
      fields={fields}
      draft={draft}
      problems={{ ...refused, ...problems }}
      defaults
      onChange={(next) => {
        setDraft(next);
        const read = readDraft(fields, next);
        const told = withoutDefaults(fields, read.parameter);
        onChange(JSON.stringify(told, null, 2), read.problems);
      }}
    />
  );
}

function objectOf(text: string): JsonObject {
  try {
    const found: unknown = JSON.parse(text || "{}");
    return isObject(found) ? found : {};
  } catch {
    return {};
  }
}
