import type { WorklistItem } from "../../api/types";
import { day, patientNumber, personName } from "../../shared/format";

/** Which exams the worklist shows and in what order. */

export type Days = "today" | "all";

export function scheduledDay({ exam }: WorklistItem): string {
  return exam.scheduled_on ?? day(exam.datetime_created);
}

/** Today's first, then the newest day; within a day the open ones before the finished ones. */
export function arrange(items: WorklistItem[], days: Days, filter: string, today: string) {
  return items
    .filter((item) => matches(item, filter))
    .filter((item) => filter !== "" || days === "all" || scheduledDay(item) === today)
    .toSorted(
      (a, b) =>
        Number(scheduledDay(b) === today) - Number(scheduledDay(a) === today) ||
        scheduledDay(b).localeCompare(scheduledDay(a)) ||
        Number(isClosed(a)) - Number(isClosed(b)) ||
        a.exam.datetime_created.localeCompare(b.exam.datetime_created),
    );
}

const isClosed = ({ exam }: WorklistItem) =>
  exam.status === "FINISHED" || exam.status === "CANCELED";

function matches({ exam, patient }: WorklistItem, filter: string): boolean {
  return containsWords(
    [
      personName(patient),
      patient.id,
      patientNumber(patient),
      patient.birth_date,
      exam.name,
      exam.indication ?? "",
      exam.accession_number ?? "",
    ],
    filter,
  );
}

/** Every word of the filter occurs somewhere; accents and case do not matter. */
export function containsWords(fields: string[], filter: string): boolean {
  const text = fold(fields.join(" "));
  return fold(filter)
    .split(/[\s,]+/)
    .every((word) => text.includes(word));
}

/** Without case and accents: `Müller` is found as `muller`. */
export function fold(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}
