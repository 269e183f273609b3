// The made-up hospital of the fixture server: patients, templates, exams, devices.
import { randomUUID } from "node:crypto";

const now = () => new Date().toISOString();
const minutesAgo = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString();

function patient(last_name, first_name, birth_date, sex, weight, height, comment = null) {
  return {
    id: randomUUID(),
    first_name,
    last_name,
    birth_date,
    sex,
    weight,
    height,
    issuer: "technician",
    status: "NEW",
    comment,
    datetime_created: minutesAgo(3000),
    datetime_updated: null,
  };
}

export const sequences = [
  ["GRE 2D", 78.4],
  ["Localiser", 18.2],
  ["T2 TSE", 200.6],
].map(([name, duration_s]) => ({
  _id: randomUUID(),
  name,
  description: "",
  sequence_type: "gre",
  tags: [],
  created_at: minutesAgo(9000),
  seq_file: "",
  seq_file_extension: ".seq",
  sha256: "",
  size_bytes: 10240,
  facts: {
    pulseq_version: "1.4.1",
    duration_s,
    num_blocks: 500,
    num_readouts: 64,
    definitions: {},
  },
}));

export const devices = [
  device("Low-field 1", "50 mT head scanner, room 2", "ONLINE", {
    device_name: "lf-sim",
    manufacturer: "Open Source Imaging",
    modality: "MR",
    serial_number: "OSI-0042",
    site: "Demo site",
    parameter: { larmor_frequency_hz: 2128000, max_gradient_mt_m: 20 },
    last_seen: now(),
  }),
  device("Bench console", "Console on the bench, no magnet", "OFFLINE", {
    last_seen: minutesAgo(190),
    manufacturer: "Nexus",
    modality: "MR",
    site: "Laboratory",
  }),
  device("Low-field 2", "46 mT extremity scanner", "ERROR", {
    status_detail: "Gradient amplifier over temperature (71 °C)",
    last_seen: minutesAgo(4),
    manufacturer: "Open Source Imaging",
    modality: "MR",
    site: "Demo site",
  }),
];

export function device(name, description, status, more = {}) {
  return {
    id: randomUUID(),
    name,
    description,
    status,
    status_detail: null,
    device_name: null,
    serial_number: null,
    manufacturer: null,
    modality: null,
    site: null,
    parameter: null,
    parameter_version: 0,
    capabilities: ["ack", "stop"],
    last_seen: null,
    datetime_created: minutesAgo(20000),
    datetime_updated: null,
    ...more,
  };
}

function task(name, type, more) {
  return {
    id: randomUUID(),
    workflow_id: null,
    name,
    description: "",
    task_type: type,
    destination: "",
    status: "NEW",
    progress: 0,
    is_template: true,
    position: 0,
    creator: "technician",
    datetime_created: minutesAgo(60),
    datetime_updated: null,
    results: [],
    version: 1,
    status_reason: null,
    started_at: null,
    finished_at: null,
    ...more,
  };
}

const parameter = {
  fov_scaling: { x: 1, y: 1, z: 1 },
  fov_offset: { x: 0, y: 0, z: 12 },
  fov_rotation: { x: 0, y: 0, z: 0 },
};

function scan(name, sequence, device_id, position) {
  return task(name, "ACQUISITION", {
    position,
    sequence_id: sequence._id,
    device_id,
    acquisition_parameter: parameter,
    acquisition_limits: null,
    calibration: [],
  });
}

function template(name, description, workflows) {
  const exam = {
    id: randomUUID(),
    patient_id: null,
    name,
    description,
    indication: null,
    comment: null,
    status: "NEW",
    is_template: true,
    accession_number: null,
    creator: "technician",
    datetime_created: minutesAgo(5000),
    datetime_updated: null,
    version: 1,
    study_instance_uid: null,
    workflows: [],
  };
  exam.workflows = workflows.map(([workflowName, tasks]) => {
    const id = randomUUID();
    for (const entry of tasks) entry.workflow_id = id;
    return {
      id,
      exam_id: exam.id,
      name: workflowName,
      description: "",
      comment: null,
      status: "NEW",
      is_template: true,
      creator: "technician",
      datetime_created: minutesAgo(5000),
      version: 1,
      tasks,
    };
  });
  return exam;
}

function recon(name, input, position) {
  return task(name, "DAG", {
    position,
    dag_type: "RECONSTRUCTION",
    dag_id: "cartesian_reconstruction",
    input_task_ids: [input.id],
    parameter: null,
  });
}

const [gre, localiser, tse] = sequences;
const first = scan("GRE", gre, devices[0].id, 0);
const loc = scan("Localiser", localiser, devices[0].id, 0);
const t1 = scan("T1 GRE", gre, devices[0].id, 2);
const t2 = scan("T2 TSE", tse, null, 4);
export const templates = [
  template("First light", "One gradient echo and its images", [
    ["Head", [first, recon("Reconstruction", first, 1)]],
  ]),
  template("Head, routine", "Localiser, T1 and T2", [
    [
      "Head",
      [
        loc,
        recon("Localiser images", loc, 1),
        t1,
        recon("T1 images", t1, 3),
        t2,
        recon("T2 images", t2, 5),
      ],
    ],
  ]),
];

export const patients = [
  patient("Lovelace", "Ada", "1975-12-10", "FEMALE", 61.5, 168),
  patient("Ramírez Quintero", "José", "1958-03-02", "MALE", 92, 176, "Claustrophobic: talk often"),
  patient("Nightingale", "Florence", "1990-05-12", "FEMALE", 0, 171),
  patient("Curie", "Marie", "1967-11-07", "FEMALE", 58, 160),
  patient("Van der Waals", "Johannes", "1937-11-23", "MALE", 81, 181),
];

export function copyTemplate(source, patient_id, more = {}) {
  const ids = new Map();
  const fresh = (id) => ids.get(id) ?? (ids.set(id, randomUUID()), ids.get(id));
  const copy = structuredClone(source);
  copy.id = randomUUID();
  Object.assign(copy, {
    is_template: false,
    patient_id,
    datetime_created: now(),
    study_instance_uid: `2.25.${BigInt(`0x${copy.id.replaceAll("-", "")}`)}`,
    ...more,
  });
  for (const workflow of copy.workflows) {
    workflow.id = randomUUID();
    workflow.exam_id = copy.id;
    workflow.is_template = false;
    for (const entry of workflow.tasks) {
      entry.id = fresh(entry.id);
      entry.workflow_id = workflow.id;
      entry.is_template = false;
      if (entry.input_task_ids) entry.input_task_ids = entry.input_task_ids.map(fresh);
    }
  }
  return copy;
}
