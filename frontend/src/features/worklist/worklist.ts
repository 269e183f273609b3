import type { WorklistItem } from "../../api/types";
import { day, patientNumber, personName } from "../../shared/format";

/** Which exams the worklist shows and in what order. */

export type Days = "today" | "all";

export function scheduledDay({ exam }: WorklistItem): string {
  return exam.scheduled_on ?? day(exam.datetime_created);
}

/** Today's first, then the newest day; within a day the open ones before the finished ones. */
export function arrange(items: WorklistItem[], days: Days, filter: string, today: string) {
  const words = wordsOf(filter);
  return items
    .map((item) => ({ item, day: scheduledDay(item), closed: Number(isClosed(item)) }))
    .filter(({ item }) => words.every((word) => textOf(item).includes(word)))
    .filter((row) => filter !== "" || days === "all" || row.day === today)
    .toSorted(
      (a, b) =>
        Number(b.day === today) - Number(a.day === today) ||
        compared(b.day, a.day) ||
        a.closed - b.closed ||
        compared(a.item.exam.datetime_created, b.item.exam.datetime_created),
    )
    .map(({ item }) => item);
}

/** Of dates and times in ISO order, which no language sorts otherwise. */
const compared = (one: string, other: string) => (one < other ? -1 : Number(one > other));

const isClosed = ({ exam }: WorklistItem) =>
  exam.status === "FINISHED" || exam.status === "CANCELED";

/** What a row is found by: folded once, not at each key. */
const texts = new WeakMap<WorklistItem, string>();

function textOf(item: WorklistItem): string {
  const known = texts.get(item);
  if (known !== undefined) return known;
  const { exam, patient } = item;
  const fields = [
    personName(patient),
    patient.id,
    patientNumber(patient),
    patient.birth_date,
    exam.name,
    exam.indication ?? "",
    exam.accession_number ?? "",
  ];
  const text = fold(fields.join(" "));
  texts.set(item, text);
  return text;
}

/** Every word of the filter occurs somewhere; accents and case do not matter. */
export function containsWords(fields: string[], filter: string): boolean {
  const text = fold(fields.join(" "));
  return wordsOf(filter).every((word) => text.includes(word));
}

const wordsOf = (filter: string) => fold(filter).split(/[\s,]+/);

/** Without case and accents: `Müller` is found as `muller`. */
export function fold(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}
