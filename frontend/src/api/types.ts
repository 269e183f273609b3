import type { components as device } from "./device-manager";
import type { components as exam } from "./exam-manager";
import type { components as workflow } from "./workflow-manager";

/** The wire models under the names the screens use; the shapes come from the OpenAPI documents. */

export type ItemStatus = exam["schemas"]["ItemStatus"];
export type Gender = exam["schemas"]["Gender"];
export type PatientPosition = exam["schemas"]["PatientPosition"];
export type PregnancyStatus = exam["schemas"]["PregnancyStatus"];
export type BasePatient = exam["schemas"]["BasePatient"];
export type Patient = exam["schemas"]["PatientOut"];
export type XYZ = exam["schemas"]["XYZ"];
export type Result = exam["schemas"]["ResultOut"];
export type AcquisitionTask = exam["schemas"]["AcquisitionTaskOut"];
export type JobTask = exam["schemas"]["DAGTaskOut"];
export type Task = AcquisitionTask | JobTask;
export type Workflow = exam["schemas"]["WorkflowOut"];
export type BaseExam = exam["schemas"]["BaseExam"];
export type Exam = exam["schemas"]["ExamOut"];
export type WorklistItem = exam["schemas"]["WorklistItem"];
export type Sequence = exam["schemas"]["MRISequenceOut"];
export type User = exam["schemas"]["User"];

export type Device = device["schemas"]["DeviceOut"];
export type DeviceStatus = device["schemas"]["DeviceStatus"];
/** One run of a task on a device. */
export type Acquisition = device["schemas"]["AcquisitionOut"] & {
  requested_by?: string | null;
  exam_id?: string | null;
};
export type SystemLimits = device["schemas"]["SystemLimits"];
export type ParameterVersion = device["schemas"]["ParameterVersion"];
export type ParameterChange = device["schemas"]["ParameterChange"];
export type ParameterProblem = device["schemas"]["ParameterProblem"];
export type ParameterSchema = device["schemas"]["ParameterSchemaOut"];
export type DeviceParameter = device["schemas"]["DeviceParameterOut"];
export type Calibration = device["schemas"]["CalibrationOut"];
export type CalibrationType = device["schemas"]["CalibrationType"];
export type DeviceCredentials = device["schemas"]["DeviceCredentials"];
export type StopReply = device["schemas"]["StopResult"];

export type Run = workflow["schemas"]["RunOut"];
export type Dispatch = workflow["schemas"]["DispatchOut"];
/** One entry of the journal, as the event stream and GET /journal deliver it. */
export type JournalEvent = workflow["schemas"]["JournalEntry"];

export const isScan = (task: Task): task is AcquisitionTask => task.task_type === "ACQUISITION";
