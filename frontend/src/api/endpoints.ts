import { answer, client } from "./client";
import { ApiError } from "./problem";
import type { SafetyConfirmation } from "./safety";
import { otherTabs, sessionStore } from "./session";
import type {
  Acquisition,
  AcquisitionTask,
  BaseExam,
  BasePatient,
  CalibrationType,
  Exam,
} from "./types";

// --- session ---------------------------------------------------------------------------------

export async function login(username: string, password: string): Promise<void> {
  const user = await answer(
    client.POST("/api/v1/userlogin/login", {
      body: { grant_type: "password", username, password, scope: "" },
      // Named, because the client would call the form JSON.
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
    }),
  );
  sessionStore.begin(user);
}

/** True when the cookie still opened a session; false when a login is needed. */
export async function resumeSession(): Promise<boolean> {
  try {
    sessionStore.begin(await answer(client.POST("/api/v1/userlogin/loginfromcookie")));
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return false;
    throw error;
  }
}

export async function logout(): Promise<void> {
  try {
    await answer(client.POST("/api/v1/userlogin/logout"));
  } finally {
    sessionStore.end(null);
    otherTabs.tellLogout();
  }
}

/** Sets one's own password and logs in with it: every login of the user has ended by then. */
export async function changeOwnPassword(
  username: string,
  current: string,
  password: string,
): Promise<void> {
  await answer(
    client.PUT("/api/v1/userlogin/changepassword", {
      body: {
        password_of_requester: current,
        username_to_change_password_for: username,
        newpassword: password,
      },
    }),
  );
  await login(username, password);
}

export const getCurrentUser = () => answer(client.GET("/api/v1/userlogin/getcurrentuser"));
export const checkNoUsers = () => answer(client.GET("/api/v1/userlogin/checknousers"));

export interface FirstUser {
  username: string;
  first_name: string;
  last_name: string;
  email: string;
  password: string;
}
export const createFirstUser = ({ password, ...user }: FirstUser) =>
  answer(
    client.POST("/api/v1/userlogin/createfirstuser", {
      // The wire model carries the new password in access_token.
      body: {
        ...user,
        role: "admin",
        access_token: password,
        token_type: "password",
        must_change_password: false,
      },
    }),
  );

// --- patients and exams ----------------------------------------------------------------------

export const listWorklist = () => answer(client.GET("/api/v1/exam/worklist"));
export const listPatients = () => answer(client.GET("/api/v1/patient/"));
export const getPatient = (patient_id: string) =>
  answer(client.GET("/api/v1/patient/{patient_id}", { params: { path: { patient_id } } }));
export const createPatient = (body: BasePatient) =>
  answer(client.POST("/api/v1/patient/", { body }));
/** Refused (412) when somebody changed the patient since `version` was read. */
export const updatePatient = (patient_id: string, version: number, body: BasePatient) =>
  answer(
    client.PUT("/api/v1/patient/{patient_id}", {
      params: { path: { patient_id }, header: { "If-Match": `"${version}"` } },
      body,
    }),
  );

export const getExam = (exam_id: string) =>
  answer(client.GET("/api/v1/exam/{exam_id}", { params: { path: { exam_id } } }));
export const listExams = (patient_id: string) =>
  answer(client.GET("/api/v1/exam/all/{patient_id}", { params: { path: { patient_id } } }));
export const listExamTemplates = () => answer(client.GET("/api/v1/exam/templates/all"));
export const createExamFromTemplate = (template_id: string, body: BaseExam) =>
  answer(client.POST("/api/v1/exam/", { params: { query: { template_id } }, body }));
/** Refused (412) when somebody changed the exam since it was read. */
export const setPosition = (exam: Exam, patient_position: Exam["patient_position"]) =>
  answer(
    client.PUT("/api/v1/exam/{exam_id}", {
      params: { path: { exam_id: exam.id }, header: { "If-Match": `"${exam.version}"` } },
      body: {
        patient_id: exam.patient_id,
        name: exam.name,
        description: exam.description,
        indication: exam.indication,
        comment: exam.comment,
        // Of what its tasks are, the server knows better.
        status: "UPDATED",
        is_template: exam.is_template,
        patient_position,
      },
    }),
  );
export const updateScan = (task: AcquisitionTask) =>
  answer(
    client.PUT("/api/v1/exam/task/{task_id}", {
      params: { path: { task_id: task.id } },
      body: task,
    }),
  );
export const listSequences = () => answer(client.GET("/api/v1/exam/sequences/all"));

export function resultFileUrl(
  workflowId: string,
  taskId: string,
  resultId: string,
  filename: string,
): string {
  const parts = [workflowId, taskId, resultId, filename].map(encodeURIComponent);
  return `${window.location.origin}/api/v1/exam/dcm/${parts.join("/")}`;
}

/** A file of a result, whatever it is. */
export const anyFileUrl = (resultId: string, filename: string): string =>
  `/api/v1/exam/result/${encodeURIComponent(resultId)}/files/${encodeURIComponent(filename)}`;

// --- devices ---------------------------------------------------------------------------------

export const listDevices = () => answer(client.GET("/api/v1/device/"));
export const createDevice = (name: string, description: string) =>
  answer(client.POST("/api/v1/device/createdevice", { body: { name, description } }));
export const renameDevice = (device_id: string, name: string, description: string) =>
  answer(
    client.PUT("/api/v1/device/{device_id}", {
      params: { path: { device_id } },
      body: { name, description },
    }),
  );
export const rotateDeviceToken = (device_id: string) =>
  answer(
    client.POST("/api/v1/device/{device_id}/rotate-token", { params: { path: { device_id } } }),
  );
export const deleteDevice = (device_id: string) =>
  answer(client.DELETE("/api/v1/device/{device_id}", { params: { path: { device_id } } }));
export const getParameter = (device_id: string) =>
  answer(client.GET("/api/v1/device/{device_id}/parameter", { params: { path: { device_id } } }));
/** Refused (412) unless `version` is the one in force. */
export const setParameter = (
  device_id: string,
  version: number,
  parameter: Record<string, unknown>,
  comment: string,
) =>
  answer(
    client.PUT("/api/v1/device/{device_id}/parameter", {
      params: { path: { device_id }, header: { "If-Match": `"${version}"` } },
      body: { parameter, comment },
    }),
  );
/** An older version again, as a new one; refused (412) unless `version` is the one in force. */
export const restoreParameter = (
  device_id: string,
  older: number,
  version: number,
  comment: string,
) =>
  answer(
    client.POST("/api/v1/device/{device_id}/parameter/versions/{version}/restore", {
      params: { path: { device_id, version: older }, header: { "If-Match": `"${version}"` } },
      body: { comment },
    }),
  );
export const compareParameters = (device_id: string, before: number, after: number) =>
  answer(
    client.GET("/api/v1/device/{device_id}/parameter/diff", {
      params: { path: { device_id }, query: { before, after } },
    }),
  );
export const listParameterSchemas = () => answer(client.GET("/api/v1/device/parameter-schemas"));
export const listParameterVersions = (device_id: string) =>
  answer(
    client.GET("/api/v1/device/{device_id}/parameter/versions", {
      params: { path: { device_id }, query: { limit: 50 } },
    }),
  );
export const getParameterVersion = (device_id: string, version: number) =>
  answer(
    client.GET("/api/v1/device/{device_id}/parameter/versions/{version}", {
      params: { path: { device_id, version } },
    }),
  );
export const calibrateDevice = (device_id: string, kinds: CalibrationType[]) =>
  answer(
    client.POST("/api/v1/device/{device_id}/calibrate", {
      params: { path: { device_id } },
      body: { kinds },
    }),
  );
export const listCalibrations = (device_id: string) =>
  answer(
    client.GET("/api/v1/device/{device_id}/calibrations", {
      params: { path: { device_id }, query: { limit: 50 } },
    }),
  );
export const stopDevice = (device_id: string, task_id?: string) =>
  answer(
    client.POST("/api/v1/device/{device_id}/stop", {
      params: { path: { device_id } },
      body: { task_id: task_id ?? null },
    }),
  );
export const pauseDevice = (device_id: string, task_id: string) =>
  answer(
    client.POST("/api/v1/device/{device_id}/pause", {
      params: { path: { device_id } },
      body: { task_id },
    }),
  );
export const resumeDevice = (device_id: string, task_id: string) =>
  answer(
    client.POST("/api/v1/device/{device_id}/resume", {
      params: { path: { device_id } },
      body: { task_id },
    }),
  );

/** Every reason for and against a start; starts nothing. */
export const judgeScan = (device_id: string, task_id: string) =>
  answer(
    client.POST("/api/v1/device/{device_id}/safety", {
      params: { path: { device_id } },
      body: { task_id },
    }),
  );

type AcquisitionFilter = { task_id: string } | { device_id: string };
export const listAcquisitions = (filter: AcquisitionFilter, limit: number) =>
  answer<Acquisition[]>(
    client.GET("/api/v1/device/acquisitions", { params: { query: { ...filter, limit } } }),
  );
/** Ends a scan whose device does not answer; refused (409) when it can be told to stop. */
export const abandonAcquisition = (acquisition_id: string, reason: string) =>
  answer(
    client.POST("/api/v1/device/acquisitions/{acquisition_id}/abandon", {
      params: { path: { acquisition_id } },
      body: { reason },
    }),
  );

// --- work ------------------------------------------------------------------------------------

export const triggerTask = (task_id: string, confirmed?: SafetyConfirmation) =>
  answer(
    client.POST("/api/v1/workflowmanager/trigger_task/{task_id}/", {
      params: { path: { task_id } },
      ...(confirmed && { body: { safety_confirmation: confirmed } }),
    }),
  );
export const listRuns = (task_id: string) =>
  answer(client.GET("/api/v1/workflowmanager/runs", { params: { query: { task_id, limit: 20 } } }));
export const listDispatches = (exam_id: string) =>
  answer(client.GET("/api/v1/workflowmanager/dispatches", { params: { query: { exam_id } } }));
/** What happened to a task, its acquisitions, runs and images; the newest part, oldest first. */
export const listHistory = (task_id: string) =>
  answer(
    client.GET("/api/v1/workflowmanager/journal", {
      params: { query: { task_id, newest: true, limit: 1000 } },
    }),
  );
