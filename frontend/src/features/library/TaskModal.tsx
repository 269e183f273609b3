import { Modal, MultiSelect, Select, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { jobsQuery } from "../../api/jobs";
import { addTask, updateTask } from "../../api/library";
import { keys, queries } from "../../api/queries";
import {
  type AcquisitionTask,
  type CalibrationType,
  type Exam,
  isScan,
  type JobTask,
  type Task,
  type Workflow,
  type XYZ,
} from "../../api/types";
import { t } from "../../i18n";
import page from "../../shared/page.module.css";
import { DescriptionInput, NameInput, SavingForm } from "../../shared/SavingForm";
import css from "./library.module.css";
import { readable } from "./protocol";

interface Props {
  exam: Exam;
  workflow: Workflow;
  kind: "scan" | "job";
  /** Null: a new one. */
  task: Task | null;
  onClose: () => void;
}

/** What a task of a draft is told. */
export default function TaskModal({ exam, workflow, kind, task, onClose }: Props) {
  const title = task
    ? t("Edit {task}", { task: task.name })
    : kind === "scan"
      ? t("New scan")
      : t("New job");
  return (
    <Modal opened onClose={onClose} title={title} size="lg">
      {kind === "scan" ? (
        <ScanForm
          exam={exam}
          workflow={workflow}
          task={task && isScan(task) ? task : null}
          onClose={onClose}
        />
      ) : (
        <JobForm
          exam={exam}
          workflow={workflow}
          task={task && !isScan(task) ? task : null}
          onClose={onClose}
        />
      )}
    </Modal>
  );
}

interface FormProps<Kind extends Task> extends Omit<Props, "kind" | "task"> {
  task: Kind | null;
}

const CALIBRATIONS: { value: CalibrationType; label: string }[] = [
  { value: "frequency", label: t("Frequency") },
  { value: "flip-angle", label: t("Flip angle") },
  { value: "shims", label: t("Shims") },
];
const ONES: XYZ = { x: 1, y: 1, z: 1 };
const ZEROS: XYZ = { x: 0, y: 0, z: 0 };

function ScanForm({ exam, workflow, task, onClose }: FormProps<AcquisitionTask>) {
  const sequences = useQuery(queries.sequences).data ?? [];
  const devices = useQuery(queries.devices).data ?? [];
  const placement = task?.acquisition_parameter;
  const [name, setName] = useState(task?.name ?? "");
  const [description, setDescription] = useState(task?.description ?? "");
  const [sequence, setSequence] = useState<string | null>(task?.sequence_id ?? null);
  const [device, setDevice] = useState<string | null>(task?.device_id ?? null);
  const [calibration, setCalibration] = useState<CalibrationType[]>(task?.calibration ?? []);
  const [scaling, setScaling] = useState(textsOf(placement?.fov_scaling ?? ONES));
  const [offset, setOffset] = useState(textsOf(placement?.fov_offset ?? ZEROS));
  const [rotation, setRotation] = useState(textsOf(placement?.fov_rotation ?? ZEROS));
  const vectors = [scaling, offset, rotation].map(vectorOf);
  const [fov_scaling, fov_offset, fov_rotation] = vectors;
  const complete = name.trim() !== "" && vectors.every((vector) => vector !== null);
  const save = () => {
    const body = {
      name: name.trim(),
      description,
      sequence_id: sequence,
      device_id: device,
      calibration,
      acquisition_parameter: {
        fov_scaling: fov_scaling ?? ONES,
        fov_offset: fov_offset ?? ZEROS,
        fov_rotation: fov_rotation ?? ZEROS,
      },
    };
    return task
      ? updateTask({ ...task, ...body })
      : addTask({ ...newTask(workflow), ...body, task_type: "ACQUISITION" });
  };
  return (
    <SavingForm
      label={t("Task")}
      action={task ? t("Save") : t("Add")}
      ready={complete}
      save={save}
      changes={[keys.exam(exam.id), keys.templates]}
      onClose={onClose}
    >
      <NameInput value={name} onChange={setName} />
      <Select
        label={t("Sequence")}
        placeholder={
          sequences.length === 0 ? t("No sequence is uploaded yet") : t("What is played")
        }
        searchable
        clearable
        value={sequence}
        onChange={(id) => {
          setSequence(id);
          const chosen = sequences.find(({ _id }) => _id === id);
          if (chosen && name.trim() === "") setName(chosen.name);
        }}
        data={sequences.map(({ _id, name: label, lineage_version }) => ({
          value: _id,
          label:
            lineage_version > 1
              ? t("{label} (version {lineageVersion})", { label, lineageVersion: lineage_version })
              : label,
        }))}
      />
      <div className={page.pair}>
        <Select
          label={t("Device")}
          placeholder={t("Chosen in the exam")}
          clearable
          value={device}
          onChange={setDevice}
          data={devices.map(({ id, name: label }) => ({ value: id, label }))}
        />
        <MultiSelect
          label={t("Calibrates before")}
          placeholder={calibration.length === 0 ? t("Nothing") : undefined}
          clearable
          value={calibration}
          onChange={(chosen) => setCalibration(chosen as CalibrationType[])}
          data={CALIBRATIONS}
        />
      </div>
      <fieldset className={css.vectors}>
        <legend>{t("Field of view, placed against that of the sequence")}</legend>
        <Vector label={t("Scaling")} unit="" texts={scaling} onChange={setScaling} />
        <Vector label={t("Offset")} unit="mm" texts={offset} onChange={setOffset} />
        <Vector label={t("Rotation")} unit="°" texts={rotation} onChange={setRotation} />
      </fieldset>
      <DescriptionInput value={description} onChange={setDescription} />
    </SavingForm>
  );
}

function JobForm({ exam, workflow, task, onClose }: FormProps<JobTask>) {
  const jobs = useQuery(jobsQuery).data ?? [];
  const others = readable(exam.workflows, task);
  const only = others.length === 1 ? others.map(({ id }) => id) : [];
  const [name, setName] = useState(task?.name ?? "");
  const [description, setDescription] = useState(task?.description ?? "");
  const [job, setJob] = useState<string | null>(task?.dag_id || null);
  const [kind, setKind] = useState<JobTask["dag_type"]>(task?.dag_type ?? "RECONSTRUCTION");
  const [inputs, setInputs] = useState<string[]>(task?.input_task_ids ?? only);
  const save = () => {
    const body = {
      name: name.trim(),
      description,
      dag_id: job ?? "",
      dag_type: kind,
      input_task_ids: inputs,
    };
    return task
      ? updateTask({ ...task, ...body })
      : addTask({ ...newTask(workflow), ...body, task_type: "DAG" });
  };
  const ready = name.trim() !== "" && job !== null;
  return (
    <SavingForm
      label={t("Task")}
      action={task ? t("Save") : t("Add")}
      ready={ready}
      save={save}
      changes={[keys.exam(exam.id), keys.templates]}
      onClose={onClose}
    >
      <NameInput value={name} onChange={setName} />
      <Select
        label={t("Job")}
        placeholder={t("What is computed")}
        required
        searchable
        allowDeselect={false}
        value={job}
        onChange={(id) => {
          setJob(id);
          const chosen = jobs.find((definition) => definition.id === id);
          if (chosen && name.trim() === "") setName(chosen.name);
        }}
        data={jobs.map(({ id, name: label }) => ({ value: id, label }))}
      />
      <Select
        label={t("Kind")}
        allowDeselect={false}
        value={kind}
        onChange={(chosen) => setKind(chosen as JobTask["dag_type"])}
        data={[
          { value: "RECONSTRUCTION", label: t("Reconstruction: images from raw data") },
          { value: "PROCESSING", label: t("Processing: of images that are there") },
        ]}
      />
      <MultiSelect
        label={t("Reads the results of")}
        description={t("It starts by itself when all of them are there")}
        placeholder={inputs.length === 0 ? t("Choose tasks") : undefined}
        value={inputs}
        onChange={setInputs}
        data={others.map(({ id, name: label }) => ({ value: id, label }))}
      />
      <DescriptionInput value={description} onChange={setDescription} />
      {!task && <p className="dim">{t("What the job is told beyond that is set in the plan.")}</p>}
    </SavingForm>
  );
}

const newTask = ({ id, tasks }: Workflow) => ({
  workflow_id: id,
  is_template: true,
  destination: "",
  status: "NEW" as const,
  progress: 0,
  position: tasks.length,
});

type Texts = Record<"x" | "y" | "z", string>;
const AXES = ["x", "y", "z"] as const;

const textsOf = ({ x, y, z }: XYZ): Texts => ({ x: String(x), y: String(y), z: String(z) });

/** Null when one of them is no number. */
function vectorOf(texts: Texts): XYZ | null {
  const [x, y, z] = AXES.map((axis) => numberOf(texts[axis]));
  return x == null || y == null || z == null ? null : { x, y, z };
}

function numberOf(text: string): number | null {
  const value = Number(text.trim().replace(",", "."));
  return text.trim() === "" || !Number.isFinite(value) ? null : value;
}

function Vector({
  label,
  unit,
  texts,
  onChange,
}: {
  label: string;
  unit: string;
  texts: Texts;
  onChange: (texts: Texts) => void;
}) {
  return (
    <div className={css.vector} role="group" aria-label={label}>
      <span>
        {label}
        {unit && ` [${unit}]`}
      </span>
      {AXES.map((axis) => (
        <TextInput
          key={axis}
          aria-label={`${label} ${axis}`}
          leftSection={axis}
          inputMode="decimal"
          value={texts[axis]}
          error={numberOf(texts[axis]) === null ? t("Not a number") : undefined}
          onChange={(event) => onChange({ ...texts, [axis]: event.currentTarget.value })}
        />
      ))}
    </div>
  );
}
