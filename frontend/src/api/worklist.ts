import { answer, client } from "./client";
import { pagesOf } from "./pages";
import { keys } from "./queries";
import type { ItemStatus, WorklistItem } from "./types";

/** The worklist: the server searches and pages, so that no exam is too old to be found. */

/** Statuses as somebody asks for them. */
export const WORK_STATES = {
  planned: ["NEW", "UPDATED"],
  running: ["STARTED", "INPROGRESS", "PAUSED"],
  done: ["FINISHED"],
  failed: ["ERROR"],
  stopped: ["CANCELED"],
} satisfies Record<string, ItemStatus[]>;
export type WorkState = keyof typeof WORK_STATES;

export interface WorklistAsked {
  /** YYYY-MM-DD; null asks for all days. */
  day: string | null;
  search: string;
  state: WorkState | null;
  deviceId: string | null;
}

const PER_PAGE = 200;
const EXAMS_PER_PAGE = 50;

export const listWorklistPage = (
  { day, search, state, deviceId }: WorklistAsked,
  after: string | null,
): Promise<WorklistItem[]> =>
  answer(
    client.GET("/api/v1/exam/worklist", {
      params: {
        query: {
          limit: PER_PAGE,
          after: after ?? undefined,
          date: day ?? undefined,
          search: search || undefined,
          status: state ? [...WORK_STATES[state]] : undefined,
          device_id: deviceId ?? undefined,
        },
      },
    }),
  );

export const worklistPages = (asked: WorklistAsked) =>
  pagesOf(
    [...keys.worklist, asked],
    PER_PAGE,
    (after) => listWorklistPage(asked, after),
    ({ exam }) => exam.id,
  );

/** The exams of a patient, the newest day first. */
export const examsOf = (patientId: string) =>
  pagesOf(
    [...keys.worklist, "of", patientId],
    EXAMS_PER_PAGE,
    (after) =>
      answer(
        client.GET("/api/v1/exam/list", {
          params: {
            query: { patient_id: patientId, limit: EXAMS_PER_PAGE, after: after ?? undefined },
          },
        }),
      ),
    ({ id }) => id,
  );
