import { ActionIcon, Button, Checkbox, Select, TextInput } from "@mantine/core";
import { IconArrowBackUp, IconPencil } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { planScan } from "../../api/plan";
import { queries } from "../../api/queries";
import type {
  AcquisitionTask,
  CalibrationType,
  Patient,
  PatientPosition,
  Sequence,
} from "../../api/types";
import { t } from "../../i18n";
import { rich } from "../../i18n/rich";
import { duration } from "../../shared/format";
import { ErrorLine } from "../../shared/states";
import { isActive } from "../../shared/status";
import { ofProtocol } from "./deviations";
import { keepDraft, useDraft } from "./drafts";
import { Effects } from "./Effects";
import css from "./exam.module.css";
import {
  AXES,
  CALIBRATIONS,
  type Placed,
  PLACED,
  readScan,
  type ScanDraft,
  storedAt,
} from "./scanDraft";
import { sequenceWords } from "./scanEffects";

const UNTOUCHED: ScanDraft = {};

/** What a scan plays and where. Changes are tried on the safety gate, and stored when told to. */
export function ScanForm({
  task,
  patient,
  position,
}: {
  task: AcquisitionTask;
  patient: Patient | null;
  position: PatientPosition | null;
}) {
  const client = useQueryClient();
  const sequences = useQuery(queries.sequences).data ?? [];
  const kept = useDraft(task.id);
  const draft = kept?.draft ?? UNTOUCHED;
  const read = readScan(task, draft);
  const wrong = Object.keys(read.problems).length > 0;
  const locked = isActive(task.status);
  const save = useMutation({
    mutationFn: () => planScan({ ...read.planned, status: "UPDATED" }, task.version),
    onSuccess: () => discard(),
    onSettled: () => client.invalidateQueries({ queryKey: ["exam"] }),
  });
  const discard = () => {
    keepDraft(task.id, null);
    save.reset();
  };
  const change = (next: ScanDraft) => {
    keepDraft(task.id, { draft: { ...draft, ...next }, version: kept?.version ?? task.version });
    if (save.isError) save.reset();
  };
  const chosen = sequences.find(({ _id }) => _id === read.planned.sequence_id) ?? null;
  return (
    <form
      className={css.scanForm}
      aria-label={t("Parameters")}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (!wrong && read.changed && !locked) save.mutate();
      }}
    >
      {locked && (
        <p className="dim">{t("It runs now: what it plays can be changed when it has ended.")}</p>
      )}
      <TextInput
        label={t("Name")}
        maxLength={200}
        disabled={locked}
        value={draft.name ?? task.name}
        error={read.problems.name}
        onChange={(event) => change({ name: event.currentTarget.value })}
      />
      <Changed
        task={task}
        field="name"
        words={String}
        onReset={(name) => change({ name: String(name) })}
      />
      <Select
        label={t("Sequence")}
        placeholder={t("Choose a sequence")}
        searchable
        allowDeselect={false}
        disabled={locked}
        value={read.planned.sequence_id ?? null}
        data={sequences.map((sequence) => ({
          value: sequence._id,
          label: `${sequence.name}${sequence.facts ? ` (${duration(sequence.facts.duration_s)})` : ""}`,
        }))}
        onChange={(sequence_id) => sequence_id && change({ sequence_id })}
      />
      <Changed
        task={task}
        field="sequence_id"
        words={(id) => sequences.find(({ _id }) => _id === id)?.name ?? t("none")}
        onReset={(id) => typeof id === "string" && change({ sequence_id: id })}
      />
      {chosen && <OfSequence sequence={chosen} />}
      {PLACED.map((placed) => (
        <PlacedFields
          key={placed.name}
          placed={placed}
          task={task}
          draft={draft}
          problems={read.problems}
          locked={locked}
          onChange={change}
        />
      ))}
      <Calibrations
        chosen={read.planned.calibration ?? []}
        locked={locked}
        onChange={(calibration) => change({ calibration })}
      />
      <Changed
        task={task}
        field="calibration"
        words={(list) => (Array.isArray(list) && list.length > 0 ? list.join(", ") : t("none"))}
        onReset={(list) => change({ calibration: list as CalibrationType[] })}
      />
      {read.changed && (
        <div className={css.scanEnd}>
          {kept && kept.version !== task.version && (
            <p role="status">
              {t("Somebody changed this scan meanwhile. What you did not touch is as it is now.")}
            </p>
          )}
          {!wrong && (
            <Effects task={task} planned={read.planned} patient={patient} position={position} />
          )}
          <ErrorLine error={save.error} />
          <div className={css.scanButtons}>
            <Button variant="default" onClick={discard}>
              {t("Discard")}
            </Button>
            <Button type="submit" disabled={wrong || locked} loading={save.isPending}>
              {t("Save")}
            </Button>
          </div>
        </div>
      )}
    </form>
  );
}

function PlacedFields({
  placed,
  task,
  draft,
  problems,
  locked,
  onChange,
}: {
  placed: Placed;
  task: AcquisitionTask;
  draft: ScanDraft;
  problems: Record<string, string>;
  locked: boolean;
  onChange: (draft: ScanDraft) => void;
}) {
  const stored = storedAt(task, placed);
  const wrong = AXES.map((axis) => problems[`${placed.name}.${axis}`]).filter(Boolean);
  const type = (values: Partial<Record<(typeof AXES)[number], string>>) => {
    const typed = Object.fromEntries(
      Object.entries(values).map(([axis, text]) => [`${placed.name}.${axis}`, text]),
    );
    onChange({ typed: { ...draft.typed, ...typed } });
  };
  return (
    <fieldset className={css.placed}>
      <legend>
        {placed.label}{" "}
        <span className="dim">
          {t("{unit}, {low} to {high}, normally {normal}", {
            unit: placed.unit,
            low: placed.low,
            high: placed.high,
            normal: placed.normal,
          })}
        </span>
      </legend>
      <div className={css.axes}>
        {AXES.map((axis) => (
          <TextInput
            key={axis}
            aria-label={`${placed.label} ${axis}`}
            leftSection={axis}
            leftSectionWidth={24}
            inputMode="decimal"
            autoComplete="off"
            disabled={locked}
            value={draft.typed?.[`${placed.name}.${axis}`] ?? String(stored[axis])}
            error={Boolean(problems[`${placed.name}.${axis}`])}
            onChange={(event) => type({ [axis]: event.currentTarget.value })}
          />
        ))}
      </div>
      {wrong.map((problem) => (
        <p key={problem} role="alert" className={css.wrong}>
          {problem}
        </p>
      ))}
      <Changed
        task={task}
        field={`acquisition_parameter.${placed.name}`}
        words={(found) => AXES.map((axis) => (found as Record<string, number>)[axis]).join("  ")}
        onReset={(found) =>
          type(
            Object.fromEntries(
              AXES.map((axis) => [axis, String((found as Record<string, number>)[axis])]),
            ),
          )
        }
      />
    </fieldset>
  );
}

function Calibrations({
  chosen,
  locked,
  onChange,
}: {
  chosen: CalibrationType[];
  locked: boolean;
  onChange: (chosen: CalibrationType[]) => void;
}) {
  const toggle = (kind: CalibrationType, wanted: boolean) =>
    onChange(wanted ? [...chosen, kind] : chosen.filter((other) => other !== kind));
  return (
    <fieldset className={css.placed}>
      <legend>
        {rich("Calibrate before the scan <span>in the order of choosing</span>", {
          span: <span className="dim" />,
        })}
      </legend>
      <div className={css.checks}>
        {CALIBRATIONS.map(([kind, label]) => (
          <Checkbox
            key={kind}
            label={
              chosen.length > 1 && chosen.includes(kind)
                ? `${label} (${chosen.indexOf(kind) + 1})`
                : label
            }
            disabled={locked}
            checked={chosen.includes(kind)}
            onChange={(event) => toggle(kind, event.currentTarget.checked)}
          />
        ))}
      </div>
    </fieldset>
  );
}

/** What the protocol says of a value that was changed, and the way back to it. */
function Changed({
  task,
  field,
  words,
  onReset,
}: {
  task: AcquisitionTask;
  field: string;
  words: (value: unknown) => string;
  onReset: (value: unknown) => void;
}) {
  const value = ofProtocol(task, field);
  if (value === undefined) return null;
  return (
    <p className={css.changed} data-testid={`changed-${field}`}>
      <IconPencil size={14} aria-hidden />
      <span>{t("Protocol: {words}", { words: words(value) })}</span>
      <ActionIcon
        variant="subtle"
        color="gray"
        size="lg"
        disabled={isActive(task.status)}
        aria-label={t("As in the protocol: {field}", {
          field: field.split(".").at(-1)?.replaceAll("_", " "),
        })}
        title={t("As in the protocol")}
        onClick={() => onReset(value)}
      >
        <IconArrowBackUp size={16} />
      </ActionIcon>
    </p>
  );
}

function OfSequence({ sequence }: { sequence: Sequence }) {
  const lines = sequenceWords(sequence);
  if (lines.length === 0) return null;
  return (
    <details>
      <summary>{t("What {sequence} plays", { sequence: sequence.name })}</summary>
      <dl className={css.facts}>
        {lines.map(([name, words]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{words}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
