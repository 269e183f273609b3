import { WORK_STATES, type WorkState } from "../../api/worklist";
import type { ItemStatus, WorklistItem } from "../../api/types";
import { day, patientNumber, personName } from "../../shared/format";
import { isActive } from "../../shared/status";

/** Which exams the worklist shows and in what order. */

export type Days = "today" | "all";

export function scheduledDay({ exam }: WorklistItem): string {
  return exam.scheduled_on ?? day(exam.datetime_created);
}

/** The days in the order of the server; within a day what runs, then what is open, then the rest. */
export function arrange(items: WorklistItem[]): WorklistItem[] {
  const places = new Map<string, number>();
  const rows = items.map((item) => {
    const on = scheduledDay(item);
    const place = places.get(on) ?? places.size;
    places.set(on, place);
    return { item, place, rank: rankOf(item) };
  });
  return rows
    .toSorted(
      (a, b) =>
        a.place - b.place ||
        a.rank - b.rank ||
        compared(a.item.exam.datetime_created, b.item.exam.datetime_created),
    )
    .map(({ item }) => item);
}

/** Of dates and times in ISO order, which no language sorts otherwise. */
const compared = (one: string, other: string) => (one < other ? -1 : Number(one > other));

function rankOf({ exam: { status } }: WorklistItem): number {
  if (isActive(status)) return 0;
  return status === "FINISHED" || status === "CANCELED" ? 2 : 1;
}

/** What of a list matches words, a state and a device; `null` and no words: no matter. */
export function matching(
  items: WorklistItem[],
  { search, state, deviceId }: { search: string; state: WorkState | null; deviceId: string | null },
): WorklistItem[] {
  const words = wordsOf(search);
  const statuses: readonly ItemStatus[] | null = state && WORK_STATES[state];
  return items.filter((item) => {
    if (statuses && !statuses.includes(item.exam.status)) return false;
    if (deviceId && !item.exam.device_ids?.includes(deviceId)) return false;
    return words.every((word) => textOf(item).includes(word));
  });
}

/** How many exams of a list are in which state. */
export function countStates(items: WorklistItem[]): Record<WorkState, number> {
  const count = (statuses: readonly ItemStatus[]) =>
    items.filter(({ exam }) => statuses.includes(exam.status)).length;
  return {
    planned: count(WORK_STATES.planned),
    running: count(WORK_STATES.running),
    done: count(WORK_STATES.done),
    failed: count(WORK_STATES.failed),
    stopped: count(WORK_STATES.stopped),
  };
}

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
    exam.description,
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
