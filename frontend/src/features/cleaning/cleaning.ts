import type { JournalEvent } from "../../api/types";
import type { Cleaner, CleaningPreview, RemovalReason, Retention } from "../../api/upkeep";
import { t } from "../../i18n";
import { plainReason, withUnit } from "../../shared/format";
import { sizeWords } from "../../shared/size";
import { HEALTH, type StatusLook } from "../../shared/status";
import { REMOVAL_REASONS } from "../archive/removal";

/** What stays for how long, what goes, and what went. Pure. */

// --- how long ----------------------------------------------------------------------------------

const KEPT: [keyof Retention & `${string}_days`, string][] = [
  ["sent_days", t("Images that are at a target too")],
  ["unsent_days", t("Images that may be nowhere else")],
  ["discarded_days", t("Images that were discarded")],
  ["quarantine_days", t("Files that could not be read")],
  ["conflicts_days", t("Second objects of a UID")],
];

/** Each kind of thing and how long it stays, as the settings say. */
export function retentionFacts(retention: Retention): { name: string; value: string }[] {
  return KEPT.map(([key, name]) => ({ name, value: daysWords(retention[key]) }));
}

function daysWords(days: number | null | undefined): string {
  if (days === null || days === undefined) return t("for ever");
  return days < 1 ? withUnit(days * 24, "h", 1) : withUnit(days, t("days"), 1);
}

export const removesNothing = (retention: Retention): boolean =>
  KEPT.every(([key]) => retention[key] == null) && retention.above_percent == null;

// --- the disk ----------------------------------------------------------------------------------

export const usedShare = ({ free_bytes, total_bytes }: Cleaner): number =>
  total_bytes ? 1 - free_bytes / total_bytes : 0;

/** How the disk stands: whether images have to go before their time, and whether enough may. */
export function diskState(
  cleaner: Cleaner,
  emergency: CleaningPreview | undefined,
): { look: StatusLook; words: string } {
  const { over_bytes: over, retention } = cleaner;
  const limit = retention.above_percent;
  if (limit == null) {
    return {
      look: HEALTH.ok,
      words: t("Nothing is removed early, however full the disk is: no limit is set."),
    };
  }
  if (over <= 0) {
    return {
      look: HEALTH.ok,
      words: t("Nothing has to go early: less than {limit} % is used.", { limit }),
    };
  }
  const more = t("More than {limit} % is used: {size} has to go.", {
    limit,
    size: sizeWords(over),
  });
  if (!emergency) return { look: HEALTH.warning, words: more };
  return emergency.size_bytes >= over || emergency.more
    ? {
        look: HEALTH.warning,
        words: t("{more} What is at a target too goes first, the oldest.", { more }),
      }
    : {
        look: HEALTH.failing,
        words: t(
          "{more} Only {size} may: the rest is nowhere else, held, or still on its way. Make room.",
          { more, size: sizeWords(emergency.size_bytes) },
        ),
      };
}

// --- what went ---------------------------------------------------------------------------------

export interface Removal {
  id: string;
  time: string;
  what: string;
  /** Images or files. */
  count: number;
  bytes: number;
  reason: string;
}

const WHAT: Record<string, string> = {
  sent: t("Images at a target too"),
  unsent: t("Images that were done with"),
  discarded: t("Discarded images"),
  quarantine: t("Files that could not be read"),
  conflicts: t("Second objects of a UID"),
  parts: t("Half files of a killed process"),
};
export const FATES: Record<string, string> = {
  sent: t("at a target too"),
  unsent: t("may be nowhere else"),
  discarded: t("discarded"),
};
/** Between two of the same cleaning [ms]. */
const PAUSE_MS = 10 * 60_000;

const number = (value: unknown): number => (typeof value === "number" ? value : 0);

function removalOf({ id, time, data }: JournalEvent): Removal {
  const kind = String(data.fate ?? data.kind ?? "");
  return {
    id,
    time,
    what: WHAT[kind] ?? kind,
    count: number(data.instances ?? data.files),
    bytes: number(data.bytes),
    reason: typeof data.reason === "string" ? data.reason : "",
  };
}

const BY_HAND = "by_hand";

export interface RemovedByHand {
  id: string;
  time: string;
  who: string;
  why: string;
  images: number;
  study: string;
}

/** What people have removed, newest first. */
export function removedByHand(events: JournalEvent[]): RemovedByHand[] {
  return events
    .filter(({ data }) => data.fate === BY_HAND)
    .map(({ id, time, actor, data }) => ({
      id,
      time,
      who: plainReason(actor ?? ""),
      why: REMOVAL_REASONS[data.reason as RemovalReason] ?? String(data.reason ?? ""),
      images: number(data.instances),
      study: String(data.study_instance_uid ?? ""),
    }))
    .toSorted((a, b) => b.time.localeCompare(a.time));
}

/** What the last cleaning that removed anything has removed, by what it was; null: none did. */
export function lastCleaning(
  events: JournalEvent[],
): { time: string; bytes: number; rows: Omit<Removal, "id" | "time">[] } | null {
  const all = events
    .filter(({ data }) => data.fate !== BY_HAND)
    .map(removalOf)
    .toSorted((a, b) => b.time.localeCompare(a.time));
  const [newest] = all;
  if (!newest) return null;
  const rows = new Map<string, Omit<Removal, "id" | "time">>();
  let before = Date.parse(newest.time);
  for (const { time, what, count, bytes, reason } of all) {
    const at = Date.parse(time);
    if (before - at > PAUSE_MS) break;
    before = at;
    const key = `${what}: ${reason}`;
    const known = rows.get(key) ?? { what, reason, count: 0, bytes: 0 };
    rows.set(key, { ...known, count: known.count + count, bytes: known.bytes + bytes });
  }
  const told = [...rows.values()];
  return { time: newest.time, bytes: told.reduce((sum, row) => sum + row.bytes, 0), rows: told };
}
