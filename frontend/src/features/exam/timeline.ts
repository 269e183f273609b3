import type { JournalEvent } from "../../api/types";
import { capitalised, plainReason, reasonAfter } from "../../shared/format";

export interface TimelineLine {
  id: string;
  time: string;
  words: string;
  detail: string;
  fault: boolean;
}

const WORDS: Record<string, string> = {
  "task.created": "Planned",
  "task.updated": "Edited",
  "exam.task.started": "Claimed for the scanner",
  "exam.task.progress": "Progress",
  "exam.task.finished": "Finished, data stored",
  "exam.task.failed": "Failed",
  "exam.task.canceled": "Stopped",
  "exam.task.released": "Given back",
  "exam.task.paused": "Paused",
  "result.stored": "Result stored",
  "result.deleted": "Result deleted",
  "result.downloaded": "Result downloaded",
  "result.sending": "Sending to XNAT",
  "result.sent": "Sent to XNAT",
  "result.send_failed": "Sending to XNAT failed",
  "acquisition.requested": "Start sent to the scanner",
  "acquisition.accepted": "Accepted by the scanner",
  "acquisition.running": "Scanner running",
  "acquisition.stopping": "Stop not confirmed by the scanner",
  "acquisition.stopped": "Scanner has stopped",
  "acquisition.finished": "Acquisition finished",
  "acquisition.paused": "Acquisition paused",
  "acquisition.failed": "Acquisition failed",
  "acquisition.lost": "No contact with the scanner",
  "stream.started": "Preview data arriving",
  "stream.ended": "Preview data ended",
  "preview.failed": "No preview",
  "run.queued": "Job queued",
  "run.started": "Job started",
  "run.priority": "Priority changed",
  "run.waiting": "Job waits",
  "run.skipped": "Job skipped",
  "run.succeeded": "Job succeeded",
  "run.failed": "Job failed",
  "dicom.series.received": "Images received",
  "dicom.series.complete": "Series complete",
  "dicom.series.decided": "Rules have decided where the images go",
  "case.opened": "Case opened",
  "case.waiting": "Waits",
  "case.complete": "Complete",
  "case.done": "Case done",
  "case.failed": "Case failed",
  "case.discarded": "Discarded",
  "case.processing": "Modules",
  "processing.queued": "Modules wait",
  "processing.priority": "Priority of the modules changed",
  "processing.started": "Modules begun",
  "processing.step": "Module begun",
  "processing.finished": "Modules done",
  "processing.failed": "Modules failed",
  "processing.canceled": "Modules stopped",
  "processing.review": "Waits for a review",
  "processing.reviewed": "Reviewed",
  "processing.overdue": "Review is overdue",
  "dispatch.queued": "Sending queued",
  "dispatch.sent": "Sent",
  "dispatch.failed": "Sending failed",
  "dispatch.retry": "Sending again later",
};

/** Newest first; a stretch of progress is one line, its last. */
export function timelineOf(events: JournalEvent[]): TimelineLine[] {
  const inTime = events
    // The task's own progress says the same with more words.
    .filter(({ type }) => type !== "run.progress" && type !== "preview.ready")
    .toSorted((a, b) => a.time.localeCompare(b.time) || a.sequence - b.sequence);
  const kept = inTime.filter((event, at) => {
    const next = inTime[at + 1];
    return !(isProgress(event) && next && isProgress(next));
  });
  const lines = kept.map(lineOf).toReversed();
  // Scanner and task end for the same reason: it is told once.
  return lines.map((line, at) =>
    line.detail !== "" && line.detail === lines[at - 1]?.detail ? { ...line, detail: "" } : line,
  );
}

const isProgress = (event: JournalEvent) => event.type.endsWith(".progress");

function lineOf({ id, type, time, actor, data }: JournalEvent): TimelineLine {
  const words = wordsFor(type, data.task_type);
  const parts: string[] = [];
  if (type.endsWith(".progress") && typeof data.progress === "number") {
    parts.push(`${data.progress} %`);
  }
  for (const key of ["target", "error", "reason", "status_reason", "detail"]) {
    const said = data[key];
    if (typeof said !== "string" || said === "") continue;
    if (type === "dicom.series.complete") continue; // how it was known is no news either
    const plain = reasonAfter(words, said);
    if (!parts.includes(plain)) parts.push(plain);
  }
  // Which service wrote it down is no news to a technician; which person did it is.
  const person = actor?.startsWith("user:") ? `by ${plainReason(actor)}` : null;
  if (person && !parts.some((part) => part.includes(person))) parts.push(person);
  return {
    id,
    time,
    words,
    detail: parts.join(" · "),
    // A scan is as good without a preview.
    fault: /\.(failed|lost|stopping)$/.test(type) && type !== "preview.failed",
  };
}

function wordsFor(type: string, taskType: unknown): string {
  if (type === "exam.task.started" && taskType !== "ACQUISITION") return "Claimed for the job";
  return WORDS[type] ?? capitalised(type.replaceAll(".", " "));
}
