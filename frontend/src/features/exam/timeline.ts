import type { JournalEvent } from "../../api/types";
import { t } from "../../i18n";
import { capitalised, plainReason, reasonAfter, withLocalTimes } from "../../shared/format";

export interface TimelineLine {
  id: string;
  time: string;
  words: string;
  detail: string;
  fault: boolean;
}

const WORDS: Record<string, string> = {
  "task.created": t("Planned"),
  "task.updated": t("Edited"),
  "exam.task.started": t("Claimed for the scanner"),
  "exam.task.progress": t("Progress"),
  "exam.task.finished": t("Finished, data stored"),
  "exam.task.failed": t("Failed"),
  "exam.task.canceled": t("Stopped"),
  "exam.task.released": t("Given back"),
  "exam.task.paused": t("Paused"),
  "result.stored": t("Result stored"),
  "result.deleted": t("Result deleted"),
  "result.downloaded": t("Result downloaded"),
  "result.sending": t("Sending to XNAT"),
  "result.sent": t("Sent to XNAT"),
  "result.send_failed": t("Sending to XNAT failed"),
  "acquisition.requested": t("Start sent to the scanner"),
  "acquisition.accepted": t("Accepted by the scanner"),
  "acquisition.running": t("Scanner running"),
  "acquisition.stopping": t("Stop not confirmed by the scanner"),
  "acquisition.stopped": t("Scanner has stopped"),
  "acquisition.finished": t("Acquisition finished"),
  "acquisition.paused": t("Acquisition paused"),
  "acquisition.failed": t("Acquisition failed"),
  "acquisition.lost": t("No contact with the scanner"),
  "stream.started": t("Preview data arriving"),
  "stream.ended": t("Preview data ended"),
  "preview.failed": t("No preview"),
  "run.queued": t("Job queued"),
  "run.started": t("Job started"),
  "run.priority": t("Priority changed"),
  "run.waiting": t("Job waits"),
  "run.skipped": t("Job skipped"),
  "run.succeeded": t("Job succeeded"),
  "run.failed": t("Job failed"),
  "run.canceled": t("Job stopped"),
  "session.held": t("Kept until somebody releases it"),
  "session.released": t("Not kept any longer"),
  "dicom.series.received": t("Images received"),
  "dicom.series.complete": t("Series complete"),
  "dicom.series.decided": t("Rules have decided where the images go"),
  "case.opened": t("Case opened"),
  "case.waiting": t("Waits"),
  "case.complete": t("Complete"),
  "case.done": t("Case done"),
  "case.failed": t("Case failed"),
  "case.discarded": t("Discarded"),
  "case.processing": t("Modules"),
  "processing.queued": t("Modules wait"),
  "processing.priority": t("Priority of the modules changed"),
  "processing.started": t("Modules begun"),
  "processing.step": t("Module begun"),
  "processing.finished": t("Modules done"),
  "processing.failed": t("Modules failed"),
  "processing.canceled": t("Modules stopped"),
  "processing.review": t("Waits for a review"),
  "processing.reviewed": t("Reviewed"),
  "processing.overdue": t("Review is overdue"),
  "dispatch.queued": t("Sending queued"),
  "dispatch.sent": t("Sent"),
  "dispatch.failed": t("Sending failed"),
  "dispatch.retry": t("Sending again later"),
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
  const words = wordsFor(type, data);
  const parts: string[] = [];
  const review = reviewOf(data);
  if (type === "run.queued" && review?.state === "approved") parts.push(approvedWords(review));
  if (type === "processing.reviewed" && data.decided_by === "deadline") {
    parts.push(t("nobody decided in time"));
  }
  if (type.endsWith(".progress") && typeof data.progress === "number") {
    parts.push(`${data.progress} %`);
  }
  for (const key of ["target", "error", "reason", "status_reason", "detail"]) {
    const said = data[key];
    if (typeof said !== "string" || said === "") continue;
    if (type === "dicom.series.complete") continue; // how it was known is no news either
    if (type === "processing.reviewed") continue; // that it waited
    const plain = withLocalTimes(reasonAfter(words, said), time);
    if (!parts.includes(plain)) parts.push(plain);
  }
  // Which service wrote it down is no news to a technician; which person did it is.
  const person = actor?.startsWith("user:") ? t("by {actor}", { actor: plainReason(actor) }) : null;
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

type ReviewTold = { state: string; decided_by: string | null };

/** What a run tells of the person that has to let it begin. */
function reviewOf({ review }: JournalEvent["data"]): ReviewTold | null {
  return review && typeof review === "object" ? (review as ReviewTold) : null;
}

const approvedWords = ({ decided_by }: ReviewTold): string =>
  decided_by === "deadline"
    ? t("approved, for nobody decided in time")
    : t("approved by {name}", { name: plainReason(decided_by ?? "") });

function wordsFor(type: string, data: JournalEvent["data"]): string {
  if (type === "run.waiting" && reviewOf(data)?.state === "waiting") return t("Waits for a review");
  if (type === "processing.reviewed" && data.review === "approved") return t("Approved");
  if (type === "processing.reviewed" && data.review === "rejected") return t("Rejected");
  if (type === "exam.task.started" && data.task_type !== "ACQUISITION") {
    return t("Claimed for the job");
  }
  return WORDS[type] ?? capitalised(type.replaceAll(".", " "));
}
