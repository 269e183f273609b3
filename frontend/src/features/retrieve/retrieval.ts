import type {
  AccessionState,
  FoundAccession,
  Retrieval,
  RetrievalIn,
  RetrievalMethod,
} from "../../api/retrievals";
import type { Target } from "../../api/routing";
import { currentLocale, plural, t } from "../../i18n";
import { isoDate, isRealDate } from "../../shared/format";
import type { BarPart } from "../../shared/Bar";
import { type StatusLook, workStatus } from "../../shared/status";

/** Fetching studies by lists of accession numbers: what may be asked for, and how it goes. Pure. */

/** As many as the server takes in one list, and as many as it asks a source for beforehand. */
export const MOST_NUMBERS = 10_000;
export const MOST_LOOKED_FOR = 50;
/** Longer than any list of so many; a file that is larger is none [byte]. */
export const MOST_TEXT = 1_000_000;

/**
 * The accession numbers of a text, each once, as the server reads them: one a line, or between
 * commas, semicolons and tabs; if the first line names columns, the one that begins with it.
 */
export function numbersIn(text: string): string[] {
  const lines = text.replace(/^\ufeff/, "").split(/\r\n|\r|\n/);
  const [head = ""] = lines;
  const between = [",", ";", "\t"].toSorted(
    (a, b) => head.split(b).length - head.split(a).length,
  )[0] as string;
  const column = head.split(between).findIndex((name) =>
    name
      .toLowerCase()
      .replace(/[^\p{L}]/gu, "")
      .startsWith("accession"),
  );
  const words =
    column < 0
      ? text.split(/[,;\t\r\n]/)
      : lines.slice(1).map((line) => line.split(between)[column] ?? "");
  const bare = words.map((word) => word.trim().replace(/^"|"$/g, "").trim());
  return [...new Set(bare.filter(Boolean))];
}

export const SOURCE_TYPES = ["dicom", "dicomtls", "dicomweb"];
export const isSource = ({ target_type, direction }: Target): boolean =>
  SOURCE_TYPES.includes(target_type) && direction !== "push";

export const METHODS: Record<RetrievalMethod, string> = {
  auto: t("As the source can"),
  "c-get": "C-GET",
  "c-move": t("C-MOVE, to our listener"),
  "wado-rs": "WADO-RS",
};

/** The ways in which a source can be asked. */
export function methodsOf(source: Target | undefined): RetrievalMethod[] {
  if (!source) return ["auto"];
  return source.target_type === "dicomweb" ? ["auto", "wado-rs"] : ["auto", "c-get", "c-move"];
}

/** The form, as it is filled in. */
export interface Draft {
  source: string | null;
  text: string;
  method: RetrievalMethod;
  /** Null: received here. */
  destination: string | null;
  /** Null: all rules. */
  rule: string | null;
  offpeak: boolean;
  modalities: string;
  studies: string;
  series: string;
  from: string;
  to: string;
}

export const EMPTY: Draft = {
  source: null,
  text: "",
  method: "auto",
  destination: null,
  rule: null,
  offpeak: false,
  modalities: "",
  studies: "",
  series: "",
  from: "",
  to: "",
};

const parts = (typed: string) =>
  typed
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean);

/** What is sent: choices that the way rules out are left out. */
export function orderOf(draft: Draft): RetrievalIn {
  const received = draft.method === "c-move";
  const destination = received ? "" : (draft.destination ?? "");
  return {
    source: draft.source ?? "",
    accession_numbers: [],
    accession_text: draft.text,
    filter: {
      modalities: parts(draft.modalities).map((name) => name.toUpperCase()),
      study_descriptions: parts(draft.studies),
      series_descriptions: parts(draft.series),
      ...(draft.from && { study_date_from: isoDate(draft.from) }),
      ...(draft.to && { study_date_to: isoDate(draft.to) }),
    },
    method: draft.method,
    destination,
    forced_rule: received || destination ? "" : (draft.rule ?? ""),
    offpeak: draft.offpeak,
  };
}

/** What keeps an order from being given, in words; null: nothing. */
export function problemOf(draft: Draft, numbers: number): string | null {
  if (!draft.source) return t("Choose where to fetch from.");
  if (numbers === 0) return t("Give at least one accession number.");
  if (numbers > MOST_NUMBERS) {
    return t("Give {mostNumbers} accession numbers at most.", {
      mostNumbers: MOST_NUMBERS.toLocaleString(currentLocale()),
    });
  }
  const [from, to] = [isoDate(draft.from), isoDate(draft.to)];
  if ([from, to].some((day) => day !== "" && !isRealDate(day))) return t("A day is no date.");
  if (from && to && to < from) return t("The last day is before the first.");
  return null;
}

// --- as people read it -------------------------------------------------------------------------

export const RETRIEVAL_STATE: Record<Retrieval["state"], StatusLook> = {
  running: { ...workStatus("running"), word: t("Fetching") },
  paused: workStatus("paused"),
  done: workStatus("done"),
  failed: { ...workStatus("failed"), word: t("Incomplete") },
  canceled: workStatus("canceled"),
};

export const ACCESSION_STATE: Record<AccessionState, StatusLook> = {
  queued: { ...workStatus("queued"), word: t("Waits") },
  running: { ...workStatus("running"), word: t("Fetching") },
  done: workStatus("done"),
  failed: workStatus("failed"),
  canceled: workStatus("canceled"),
};

export function retrievalLook(row: Retrieval): StatusLook {
  // Of several lists, and in off-peak hours, one may have to wait for its turn.
  if (row.state === "running" && row.waits_for)
    return { ...workStatus("queued"), word: t("Waits") };
  return RETRIEVAL_STATE[row.state];
}

export const isOpen = ({ state }: Pick<Retrieval, "state">) =>
  state === "running" || state === "paused";

/** What has come, what was given up and what has failed, as shares of the list. */
export const barOf = ({ total, done, failed, canceled }: Retrieval): BarPart[] => [
  { share: done / (total || 1) },
  { share: canceled / (total || 1), look: "warn" },
  { share: failed / (total || 1), look: "fault" },
];

/** `12 of 40 studies, 1 failed`. */
export function progressWords(row: Retrieval): string {
  const { total, done, failed, canceled } = row;
  const studies = t("{done} of {studies}", {
    done,
    studies: plural(total, "{n} study", "{n} studies"),
  });
  return [
    studies,
    failed > 0 && t("{failed} failed", { failed }),
    canceled > 0 && t("{canceled} canceled", { canceled }),
  ]
    .filter(Boolean)
    .join(", ");
}

export const destinationWords = ({ destination }: Retrieval) => destination || t("received here");

/** `3 series, 120 images`, or why nothing is told. */
export function foundWords({ series, error }: FoundAccession): string {
  if (error) return error;
  if (series.length === 0) return t("nothing");
  const counts = series.map(({ instances }) => instances);
  const images = counts.every((count) => typeof count === "number")
    ? t(", {n} images", { n: counts.reduce<number>((sum, count) => sum + (count ?? 0), 0) })
    : "";
  return plural(series.length, "{n} series", "{n} series") + images;
}

/** Of the filter what narrows: one line each. */
export function filterWords({ filter }: Retrieval): string[] {
  const { modalities, study_descriptions, series_descriptions } = filter;
  const { study_date_from: from, study_date_to: to } = filter;
  return [
    modalities?.length && t("modality {modalities}", { modalities: modalities.join(t(" or ")) }),
    study_descriptions?.length &&
      t("study {studyDescriptions}", { studyDescriptions: study_descriptions.join(t(" or ")) }),
    series_descriptions?.length &&
      t("series {seriesDescriptions}", { seriesDescriptions: series_descriptions.join(t(" or ")) }),
    from && t("from {from}", { from }),
    to && t("to {to}", { to }),
  ].filter((words) => typeof words === "string" && words !== "") as string[];
}
