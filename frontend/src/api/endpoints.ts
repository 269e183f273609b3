import { call } from "./client";
import { ApiError } from "./problem";
import { sessionStore } from "./session";
import type {
  BaseExam,
  BasePatient,
  Device,
  DeviceCredentials,
  Dispatch,
  Exam,
  JournalEvent,
  Patient,
  Run,
  Sequence,
  StopReply,
  Task,
  User,
  WorklistItem,
} from "./types";

// --- session ---------------------------------------------------------------------------------

export async function login(username: string, password: string): Promise<void> {
  const form = { grant_type: "password", username, password };
  sessionStore.begin(await call<User>("post", "/api/v1/userlogin/login", { form }));
}

/** True when the cookie still opened a session; false when a login is needed. */
export async function resumeSession(): Promise<boolean> {
  try {
    sessionStore.begin(await call<User>("post", "/api/v1/userlogin/loginfromcookie"));
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return false;
    throw error;
  }
}

export async function logout(): Promise<void> {
  try {
    await call("post", "/api/v1/userlogin/logout");
  } finally {
    sessionStore.end(null);
  }
}

export const getCurrentUser = () => call<User>("get", "/api/v1/userlogin/getcurrentuser");
export const checkNoUsers = () => call<boolean>("get", "/api/v1/userlogin/checknousers");

export interface FirstUser {
  username: string;
  first_name: string;
  last_name: string;
  email: string;
  password: string;
}
export const createFirstUser = ({ password, ...user }: FirstUser) =>
  call("post", "/api/v1/userlogin/createfirstuser", {
    // The wire model carries the new password in access_token.
    body: { ...user, role: "admin", access_token: password, token_type: "password" },
  });

// --- patients and exams ----------------------------------------------------------------------

export const listWorklist = () => call<WorklistItem[]>("get", "/api/v1/exam/worklist");
export const listPatients = () => call<Patient[]>("get", "/api/v1/patient/");
export const getPatient = (id: string) =>
  call<Patient>("get", "/api/v1/patient/{id}", { path: { id } });
export const createPatient = (body: BasePatient) =>
  call<Patient>("post", "/api/v1/patient/", { body });
export const updatePatient = (id: string, body: BasePatient) =>
  call<Patient>("put", "/api/v1/patient/{id}", { path: { id }, body });

export const getExam = (id: string) => call<Exam>("get", "/api/v1/exam/{id}", { path: { id } });
export const listExamTemplates = () => call<Exam[]>("get", "/api/v1/exam/templates/all");
export const createExamFromTemplate = (templateId: string, body: BaseExam) =>
  call<Exam>("post", "/api/v1/exam/", { query: { template_id: templateId }, body });
export const updateTask = (task: Task) =>
  call<Task>("put", "/api/v1/exam/task/{id}", { path: { id: task.id }, body: task });
export const listSequences = () => call<Sequence[]>("get", "/api/v1/exam/sequences/all");

export function resultFileUrl(
  workflowId: string,
  taskId: string,
  resultId: string,
  filename: string,
): string {
  const parts = [workflowId, taskId, resultId, filename].map(encodeURIComponent);
  return `${window.location.origin}/api/v1/exam/dcm/${parts.join("/")}`;
}

// --- devices ---------------------------------------------------------------------------------

export const listDevices = () => call<Device[]>("get", "/api/v1/device/");
export const createDevice = (name: string, description: string) =>
  call<DeviceCredentials>("post", "/api/v1/device/createdevice", { body: { name, description } });
export const rotateDeviceToken = (id: string) =>
  call<DeviceCredentials>("post", "/api/v1/device/{id}/rotate-token", { path: { id } });
export const deleteDevice = (id: string) =>
  call<void>("delete", "/api/v1/device/{id}", { path: { id } });
export const stopDevice = (id: string, taskId?: string) =>
  call<StopReply>("post", "/api/v1/device/{id}/stop", {
    path: { id },
    body: taskId ? { task_id: taskId } : {},
  });

// --- work ------------------------------------------------------------------------------------

export const triggerTask = (taskId: string) =>
  call<unknown>("post", "/api/v1/workflowmanager/trigger_task/{task_id}/", {
    path: { task_id: taskId },
  });
export const listRuns = (taskId: string) =>
  call<Run[]>("get", "/api/v1/workflowmanager/runs", { query: { task_id: taskId, limit: 20 } });
export const listDispatches = (examId: string) =>
  call<Dispatch[]>("get", "/api/v1/workflowmanager/dispatches", { query: { exam_id: examId } });
export const listJournal = (subject: string) =>
  call<JournalEvent[]>("get", "/api/v1/workflowmanager/journal", {
    query: { subject, limit: 1000 },
  });
