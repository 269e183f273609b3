import type { JobDefinition } from "../api/jobs";
import type { Module } from "../api/modules";
import type { AnyRun } from "../api/runs";
import type {
  AcquisitionTask,
  Device,
  Exam,
  JobTask,
  JournalEvent,
  Patient,
  Run,
  Task,
  User,
  WorklistItem,
} from "../api/types";

/** Valid wire objects for tests; each test names only what it is about. */

export function aUser(changes: Partial<User> = {}): User {
  return {
    username: "ada",
    first_name: "Ada",
    last_name: "Lovelace",
    email: "ada@example.org",
    role: "engineer",
    access_token: "token",
    token_type: "bearer",
    must_change_password: false,
    ...changes,
  };
}

export function aPatient(changes: Partial<Patient> = {}): Patient {
  return {
    id: "0193a0b0-0000-7000-8000-00000000ada1",
    first_name: "Ada",
    last_name: "Lovelace",
    birth_date: "1975-12-10",
    sex: "FEMALE",
    height: 168,
    weight: 61.5,
    issuer: "technician",
    status: "NEW",
    comment: null,
    implants: [],
    allergies: [],
    medical_alerts: [],
    pregnancy_status: null,
    datetime_created: "2026-11-20T08:00:00Z",
    version: 1,
    ...changes,
  };
}

export function aTask(changes: Partial<AcquisitionTask> = {}): AcquisitionTask {
  return {
    id: "task-1",
    workflow_id: "workflow-1",
    name: "GRE",
    description: "",
    destination: "",
    creator: "technician",
    version: 1,
    calibration: [],
    task_type: "ACQUISITION",
    status: "NEW",
    progress: 0,
    is_template: false,
    datetime_created: "2026-11-21T08:00:00Z",
    results: [],
    deviations: [],
    position: 0,
    device_id: "device-1",
    sequence_id: "sequence-1",
    ...changes,
  };
}

export function aJob(changes: Partial<JobTask> = {}): JobTask {
  return {
    id: "job-1",
    workflow_id: "workflow-1",
    name: "Reconstruction",
    description: "",
    destination: "",
    creator: "technician",
    version: 1,
    task_type: "DAG",
    dag_type: "RECONSTRUCTION",
    dag_id: "cartesian_reconstruction",
    input_task_ids: ["task-1"],
    status: "NEW",
    progress: 0,
    is_template: false,
    datetime_created: "2026-11-21T08:00:00Z",
    results: [],
    deviations: [],
    position: 1,
    ...changes,
  };
}

export function anExam(tasks: Task[], changes: Partial<Exam> = {}): Exam {
  return {
    id: "exam-1",
    patient_id: "0193a0b0-0000-7000-8000-00000000ada1",
    name: "First light",
    description: "",
    indication: "Headache",
    status: "NEW",
    is_template: false,
    datetime_created: "2026-11-21T08:00:00Z",
    workflows: [
      {
        id: "workflow-1",
        exam_id: "exam-1",
        name: "Head",
        description: "",
        status: "NEW",
        is_template: false,
        tasks,
      },
    ],
    ...changes,
  } as Exam;
}

export function aDevice(changes: Partial<Device> = {}): Device {
  return {
    id: "device-1",
    name: "Low-field 1",
    description: "50 mT",
    status: "ONLINE",
    datetime_created: "2026-11-01T08:00:00Z",
    ...changes,
  } as Device;
}

export function anEvent(
  type: string,
  data: Record<string, unknown> = {},
  changes: Partial<JournalEvent> = {},
): JournalEvent {
  return {
    sequence: 1,
    id: `event-${type}`,
    type,
    source: "exam-manager",
    subject: "subject-1",
    time: "2026-11-21T08:00:00Z",
    actor: "service:device-manager",
    correlation_id: null,
    data,
    ...changes,
  };
}

export function aWorklistItem(
  exam: Partial<WorklistItem["exam"]> = {},
  patient: Partial<Patient> = {},
): WorklistItem {
  return {
    exam: {
      id: "exam-1",
      patient_id: "patient-1",
      name: "First light",
      description: "",
      indication: null,
      status: "NEW",
      is_template: false,
      creator: "technician",
      datetime_created: "2026-11-21T08:00:00Z",
      tasks_total: 2,
      tasks_finished: 0,
      tasks_failed: 0,
      device_ids: [],
      ...exam,
    } as WorklistItem["exam"],
    patient: aPatient(patient),
  };
}

export function aModule(changes: Partial<Module> = {}): Module {
  return {
    name: "smooth",
    runner: "process",
    docker_tag: "",
    entry_point: "smooth.py",
    timeout_s: null,
    memory_bytes: null,
    cpus: null,
    input_writable: false,
    additional_volumes: {},
    docker_arguments: {},
    settings: {},
    contact: "",
    comment: "",
    constraints: "",
    resources: "",
    requires_root: false,
    requires_persistence: false,
    persistence_folder_name: "",
    network_enabled: false,
    environment: [],
    version: 2,
    created_at: "2026-11-21T08:00:00Z",
    updated_at: null,
    problems: [],
    ...changes,
  } as Module;
}

export function aJobDefinition(changes: Partial<JobDefinition> = {}): JobDefinition {
  return {
    id: "reconstruction",
    name: "Reconstruction",
    version: "1.0.0",
    description: "Images of raw data",
    parameters: {
      type: "object",
      additionalProperties: false,
      properties: {
        coil_combination: {
          type: "string",
          title: "Coil combination",
          enum: ["rss", "adaptive"],
          default: "rss",
        },
        memory_gib: {
          type: "number",
          title: "Memory [GiB]",
          description: "Volumes are read together as long as they fit",
          default: 8,
          exclusiveMinimum: 0,
        },
      },
    },
    inputs: [],
    outputs: [],
    events: [],
    needs: [],
    source: "built-in",
    problem: "",
    ...changes,
  } as JobDefinition;
}

export function aRunOfModules(changes: Partial<AnyRun> = {}): AnyRun {
  return {
    id: "chain-1",
    kind: "case",
    status: "succeeded",
    jobs: ["smooth", "grade"],
    job_version: "",
    at: "",
    steps_done: 2,
    progress: 100,
    reason: "",
    priority: "normal",
    deadline_at: null,
    waits_until: null,
    number: 1,
    exam_id: null,
    task_id: null,
    device_id: null,
    case_id: "case-1",
    rule: "smooth-it",
    requested_by: "",
    created_at: "2026-11-21T08:00:00Z",
    started_at: "2026-11-21T08:00:01Z",
    ended_at: "2026-11-21T08:00:09Z",
    ...changes,
  };
}

export function aRun(changes: Partial<Run> = {}): Run {
  return {
    id: "run-1",
    task_id: "job-1",
    exam_id: "exam-1",
    job_id: "reconstruction",
    status: "succeeded",
    progress: 100,
    error: null,
    result_id: null,
    attempt: 1,
    created_at: "2026-11-21T08:00:00Z",
    started_at: "2026-11-21T08:00:01Z",
    ended_at: "2026-11-21T08:00:09Z",
    ...changes,
  } as Run;
}
