import type { Gender, Patient } from "../api/types";
import { currentLocale, decimal, t } from "../i18n";

const NOT_GIVEN = t("not given");

/** DICOM order, family name first and in capitals: the way a console names a patient. */
export function personName(person: { first_name: string; last_name: string }): string {
  return [person.last_name.toLocaleUpperCase(), person.first_name].filter(Boolean).join(", ");
}

/** The end of a long id, enough to tell two apart by eye; the full one is copied. */
export function shortId(id: string): string {
  return id.length > 12 ? id.slice(-8).toUpperCase() : id;
}

/** What the hospital calls a patient by, or else the end of our own id. */
export function patientNumber(patient: { id: string; patient_id?: string | null }): string {
  return patient.patient_id || shortId(patient.id);
}

/** How it was known that a series is complete, as the server calls it. */
const COMPLETE: Record<string, string> = {
  quiet: t("nothing came for a while"),
  "association closed": t("its sender was done"),
  "all brought": t("all that was asked for is here"),
  "own run": t("it is our own scan"),
};
const COMPLETED = new RegExp(`(^|complete: )(${Object.keys(COMPLETE).join("|")})(?=\\.?$)`, "i");
const SERIES_COMPLETE = /^The series is complete: (.*)\.$/;

/** Reasons name an actor as `user:name`, and more in short; a person reads it in words. */
export function plainReason(reason: string): string {
  return reason
    .replace(/\b(?:user|device|service):(?=\w)/g, "")
    .replace(COMPLETED, (_, before: string, how: string) => before + COMPLETE[how.toLowerCase()])
    .replace(SERIES_COMPLETE, (_, why: string) => t("The series is complete: {why}.", { why }));
}

/** A reason beside words that begin it: "Stopped" and "stopped by Ada" read "by Ada". */
export function reasonAfter(words: string, reason: string): string {
  const plain = plainReason(reason);
  const begins = [words, words.split(" ").at(-1) ?? ""].find((told) =>
    plain.toLowerCase().startsWith(`${told.toLowerCase()} `),
  );
  return begins === undefined ? plain : plain.slice(begins.length + 1);
}

/** As a sentence begins; a name of the wire, `larmor_frequency`, stays as it is. */
export const capitalised = (text: string): string =>
  /^\w*_/.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1);

export function sexWord(sex: Gender): string {
  return { MALE: t("male"), FEMALE: t("female"), OTHER: t("other"), NOT_GIVEN: NOT_GIVEN }[sex];
}

export function ageInYears(birthDate: string, today: Date): number | null {
  const born = new Date(`${birthDate}T00:00:00`);
  if (Number.isNaN(born.getTime())) return null;
  const hadBirthday =
    today.getMonth() > born.getMonth() ||
    (today.getMonth() === born.getMonth() && today.getDate() >= born.getDate());
  return today.getFullYear() - born.getFullYear() - (hadBirthday ? 0 : 1);
}

export function ageText(birthDate: string, today = new Date()): string {
  const age = ageInYears(birthDate, today);
  return age === null || age < 0 ? t("age unknown") : t("{age} y", { age });
}

/** `19751210` and `1975.12.10` as typed become `1975-12-10`. */
export function isoDate(typed: string): string {
  const match = /^\s*(\d{4})[-./ ]?(\d{1,2})[-./ ]?(\d{1,2})\s*$/.exec(typed);
  if (!match) return typed.trim();
  const [, year = "", month = "", date = ""] = match;
  return [year, month.padStart(2, "0"), date.padStart(2, "0")].join("-");
}

export function isRealDate(iso: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(iso)) return false;
  const date = new Date(`${iso}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(iso);
}

/** A quantity as typed, with a point or a comma; null when it is no number. */
export function toNumber(typed: string): number | null {
  const text = typed.trim().replace(",", ".");
  return /^\d+(\.\d*)?$/.test(text) ? Number(text) : null;
}

export function withUnit(value: number | null | undefined, unit: string, digits = 0): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NOT_GIVEN;
  const rounded = Number(value.toFixed(digits));
  return `${decimal(rounded)}\u202f${unit}`;
}

export function hasWeight(patient: Pick<Patient, "weight">): boolean {
  return typeof patient.weight === "number" && patient.weight > 0;
}

/** `75` s is `1:15`; over an hour `1:02:09`. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h > 0 ? `${h}:${pad(m)}:${pad(s)}` : `${m}:${pad(s)}`;
}

export function clock(time: string | number | Date | null | undefined, seconds = true): string {
  const date = asDate(time);
  return date ? clockFormat(currentLocale(), seconds).format(date) : "–";
}

const clockFormats = new Map<string, Intl.DateTimeFormat>();

/** Kept: to make one takes longer than all else that a row of a list says. */
function clockFormat(locale: string, seconds: boolean): Intl.DateTimeFormat {
  const key = `${locale} ${seconds}`;
  let format = clockFormats.get(key);
  if (!format) {
    format = new Intl.DateTimeFormat(locale, {
      hour: "2-digit",
      minute: "2-digit",
      ...(seconds && { second: "2-digit" }),
    });
    clockFormats.set(key, format);
  }
  return format;
}

/** ISO order: unambiguous between countries. */
export function day(time: string | number | Date | null | undefined): string {
  const date = asDate(time);
  if (!date) return "–";
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
}

export function dayOrClock(time: string | null | undefined, now = new Date()): string {
  return day(time) === day(now) ? clock(time, false) : day(time);
}

export function secondsBetween(from: string | null | undefined, to: number): number | null {
  const date = asDate(from);
  return date ? Math.max(0, (to - date.getTime()) / 1000) : null;
}

/** For a list that reaches back: the time of today, or day and time. */
export function dayAndClock(time: string | null | undefined, now = new Date()): string {
  if (!asDate(time)) return "–";
  return day(time) === day(now) ? clock(time) : `${day(time)} ${clock(time, false)}`;
}

const pad = (part: number) => String(part).padStart(2, "0");

function asDate(time: string | number | Date | null | undefined): Date | null {
  if (time === null || time === undefined) return null;
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? null : date;
}

/**
 * Times in sentences of the server are in UTC; people read those of their own clock. `on`: when it
 * was said, of which day a time without one is.
 */
export function withLocalTimes(sentence: string, on = new Date().toISOString()): string {
  return sentence
    .replace(
      /\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})/g,
      (time) => `${day(time)} ${clock(time, false)}`,
    )
    .replace(
      /(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2})(?::\d{2})? UTC/g,
      (_, date: string, time: string) => {
        const at = `${date}T${time}:00Z`;
        return `${day(at)} ${clock(at, false)}`;
      },
    )
    .replace(/(?<!\d )\b(\d{2}:\d{2}:\d{2}) UTC/g, (_, time: string) =>
      clock(`${on.slice(0, 10)}T${time}Z`),
    );
}
