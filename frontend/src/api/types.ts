/** The wire models the screens use, by the names the services give them. */

export type ItemStatus =
  "NEW" | "UPDATED" | "STARTED" | "INPROGRESS" | "PAUSED" | "FINISHED" | "ERROR" | "CANCELED";
export type DeviceStatus = "ONLINE" | "OFFLINE" | "BUSY" | "ERROR";
export type Gender = "MALE" | "FEMALE" | "OTHER" | "NOT_GIVEN";
export type UserRole = "admin" | "medical" | "scientist" | "engineer";
export type TaskType = "ACQUISITION" | "DAG" | "RECONSTRUCTION" | "PROCESSING";
export type ResultType = "DICOM" | "MRD" | "NUMPY" | "CALIBRATION" | "NOT_SET";

export interface BasePatient {
  first_name: string;
  last_name: string;
  /** ISO date. */
  birth_date: string;
  sex: Gender;
  /** cm */
  height: number;
  /** kg */
  weight: number;
  issuer: string;
  status: ItemStatus;
  comment?: string | null;
}
export interface Patient extends BasePatient {
  id: string;
  datetime_created: string;
  datetime_updated?: string | null;
}

export interface XYZ {
  x: number;
  y: number;
  z: number;
}
export interface Result {
  id: string;
  task_id: string;
  type: ResultType;
  directory: string;
  files: string[];
  meta?: { run_id?: string; instance_count?: number; instances?: string[] } | null;
  datetime_created: string;
}
export interface Task {
  id: string;
  workflow_id?: string | null;
  name: string;
  description: string;
  task_type: TaskType;
  destination?: string | null;
  status: ItemStatus;
  /** Percent, as reported by the device or the run. */
  progress: number;
  is_template: boolean;
  creator?: string;
  datetime_created: string;
  datetime_updated?: string | null;
  results: Result[];
  status_reason?: string | null;
  position?: number;
  version?: number;
  started_at?: string | null;
  finished_at?: string | null;
  // acquisition
  device_id?: string | null;
  sequence_id?: string | null;
  acquisition_parameter?: { fov_scaling: XYZ; fov_offset: XYZ; fov_rotation: XYZ } | null;
  acquisition_limits?: {
    patient_height: number;
    patient_weight: number;
    patient_gender: Gender;
    patient_age: number;
  } | null;
  // dag
  dag_type?: "RECONSTRUCTION" | "PROCESSING";
  dag_id?: string;
  input_task_ids?: string[];
  parameter?: Record<string, unknown> | null;
}
export interface Workflow {
  id: string;
  exam_id?: string | null;
  name: string;
  description: string;
  comment?: string | null;
  status: ItemStatus;
  is_template: boolean;
  tasks: Task[];
}
export interface BaseExam {
  patient_id?: string | null;
  name: string;
  description: string;
  indication?: string | null;
  comment?: string | null;
  status: ItemStatus;
  is_template: boolean;
}
export interface Exam extends BaseExam {
  id: string;
  creator?: string;
  datetime_created: string;
  datetime_updated?: string | null;
  workflows: Workflow[];
  study_instance_uid?: string | null;
  accession_number?: string | null;
}
/** An exam without its tree, for lists. */
export interface ExamSummary extends BaseExam {
  id: string;
  creator: string;
  datetime_created: string;
  datetime_updated?: string | null;
  accession_number?: string | null;
  tasks_total: number;
  tasks_finished: number;
  /** ISO date. */
  scheduled_on?: string | null;
}
export interface WorklistItem {
  exam: ExamSummary;
  patient: Patient;
}

export interface Device {
  id: string;
  name: string;
  description: string;
  status: DeviceStatus;
  device_name?: string | null;
  serial_number?: string | null;
  manufacturer?: string | null;
  modality?: string | null;
  site?: string | null;
  parameter?: Record<string, unknown> | null;
  datetime_created: string;
  datetime_updated?: string | null;
  last_seen?: string | null;
  /** Why the device is in this state, for a person to read. */
  status_detail?: string | null;
}
export interface DeviceCredentials {
  device_id: string;
  device_token: string;
}
export interface StopReply {
  sent: boolean;
  confirmed: boolean;
  detail?: string | null;
}

export interface Sequence {
  _id: string;
  name: string;
  description?: string | null;
  sequence_type?: string | null;
  facts?: { pulseq_version: string; duration_s: number; num_blocks: number } | null;
}

export interface User {
  username: string;
  first_name: string;
  last_name: string;
  email?: string | null;
  role: UserRole;
  access_token?: string;
}

export interface Run {
  id: string;
  task_id?: string | null;
  exam_id?: string | null;
  job_id: string;
  status: string;
  progress: number;
  error?: string | null;
  attempt: number;
  created_at: string;
  started_at?: string | null;
  ended_at?: string | null;
}
export interface Dispatch {
  id: string;
  target: string;
  series_instance_uid?: string | null;
  task_id?: string | null;
  exam_id?: string | null;
  status: string;
  instances: number;
  sent: number;
  error?: string | null;
  attempt: number;
  next_attempt_at?: string | null;
  created_at: string;
  ended_at?: string | null;
}

/** One entry of the journal, as the event stream and GET /journal deliver it. */
export interface JournalEvent {
  /** Place in the journal, which is also the id of the event stream. */
  sequence: number;
  id: string;
  type: string;
  source: string;
  subject: string;
  time: string;
  actor?: string | null;
  correlation_id?: string | null;
  data: Record<string, unknown>;
}
