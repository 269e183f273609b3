import { expect, test } from "vitest";

import type { AcquisitionTask, Result, Sequence } from "../../api/types";
import { aJob, anExam, aTask } from "../../testing/builders";
import {
  dicomFiles,
  imagesFor,
  isOfEarlierScan,
  nextUp,
  queueOf,
  remainingQueueSeconds,
  selectedIn,
} from "./tree";

function aResult(changes: Partial<Result>): Result {
  return {
    id: "result-1",
    task_id: "task-1",
    type: "DICOM",
    directory: "",
    files: ["im1.dcm"],
    datetime_created: "2026-11-21T08:00:00Z",
    ...changes,
  } as Result;
}

test("files are in counting order and addresses of other hosts are ignored", () => {
  expect(dicomFiles(aResult({ files: ["im10.dcm", "im2.dcm", "notes.txt"] }))).toEqual([
    "im2.dcm",
    "im10.dcm",
  ]);
  const instances = ["https://elsewhere:8443/api/v1/exam/dcm/w/t/r/a%201.dcm?frame=1"];
  expect(dicomFiles(aResult({ files: [], meta: { instances } }))).toEqual(["a 1.dcm"]);
});

test("a scan shows the newest images of the reconstruction it feeds, also over two steps", () => {
  const exam = anExam([
    aTask(),
    aJob({ id: "recon", input_task_ids: ["task-1"] }),
    aJob({
      id: "denoise",
      input_task_ids: ["recon"],
      results: [
        aResult({ id: "old" }),
        aResult({ id: "new", datetime_created: "2026-11-21T09:00:00Z" }),
      ],
    }),
    aTask({ id: "other", results: [aResult({ id: "foreign" })] }),
  ]);
  expect(imagesFor(exam, "task-1").map(({ result }) => result.id)).toEqual(["new", "old"]);
});

test("images are of an earlier scan when a scan they are made of was begun after them", () => {
  const images = aResult({ datetime_created: "2026-11-21T08:00:00Z" });
  const begun = (started_at: string) =>
    anExam([
      aTask({ started_at }),
      aJob({ id: "recon", input_task_ids: ["task-1"], results: [images] }),
      aTask({ id: "other", started_at: "2026-11-21T10:00:00Z" }),
    ]);
  const earlier = (exam: ReturnType<typeof anExam>) =>
    imagesFor(exam, "task-1").map((series) => isOfEarlierScan(exam, series));
  expect(earlier(begun("2026-11-21T07:59:00Z"))).toEqual([false]);
  expect(earlier(begun("2026-11-21T08:01:00Z"))).toEqual([true]);
});

test("behind what was deleted the next one is selected, else the one before", () => {
  const queue = queueOf(anExam(["a", "b", "c"].map((id, position) => aTask({ id, position }))));
  const after = (taskId: string | null, ...gone: string[]) =>
    selectedIn(queue, taskId, new Set(gone))?.task.id;
  expect(after("b")).toBe("b");
  expect(after("b", "b")).toBe("c");
  expect(after("c", "c")).toBe("b");
  expect(after("b", "b", "c")).toBe("a");
  expect(after(null, "a")).toBe("b");
  expect(after("a", "a", "b", "c")).toBeUndefined();
});

test("raw data is not an image", () => {
  const exam = anExam([aTask({ results: [aResult({ type: "MRD", files: ["data.mrd"] })] })]);
  expect(imagesFor(exam, "task-1")).toEqual([]);
});

test("the running task comes first, then the first scan not done", () => {
  const done = aTask({ status: "FINISHED" });
  const planned = aTask({ id: "task-2", position: 1 });
  const running = aTask({ id: "task-3", position: 2, status: "INPROGRESS" });
  expect(nextUp(queueOf(anExam([done, planned, running])))?.task.id).toBe("task-3");
  expect(nextUp(queueOf(anExam([done, planned])))?.task.id).toBe("task-2");
  expect(nextUp(queueOf(anExam([])))).toBeNull();
});

test("the queue follows positions and leaves the fetched tree as it was", () => {
  const exam = anExam([aTask({ id: "b", position: 1 }), aTask({ id: "a", position: 0 })]);
  expect(queueOf(exam).map(({ task }) => task.id)).toEqual(["a", "b"]);
  expect(exam.workflows[0]?.tasks[0]?.id).toBe("b");
});

test("the end of the queue is only told when every duration is known", () => {
  const sequences = [
    { _id: "sequence-1", name: "GRE", facts: { duration_s: 80 } },
  ] as unknown as Sequence[];
  const queue = (changes: Partial<AcquisitionTask>) =>
    queueOf(
      anExam([aTask({ status: "INPROGRESS", progress: 50 }), aTask({ id: "2", ...changes })]),
    );
  expect(remainingQueueSeconds(queue({}), sequences)).toBe(120);
  expect(remainingQueueSeconds(queue({ status: "FINISHED" }), sequences)).toBe(40);
  expect(remainingQueueSeconds(queue({ sequence_id: "unknown" }), sequences)).toBeNull();
});
