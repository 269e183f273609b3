import type { HealthPart, ServiceState } from "../../api/routing";
import { t } from "../../i18n";
import { capitalised } from "../../shared/format";

/** The parts of the health page in groups. Pure. */

const TITLES: Record<string, string> = {
  listener: t("Listeners"),
  queue: t("Queues"),
  target: t("Targets"),
  runtime: t("Processing"),
  disk: t("Disks"),
  certificate: t("Certificates"),
  journal: t("Readers of the journal"),
};

const BADNESS: Record<HealthPart["state"], number> = { failing: 0, warning: 1, ok: 2 };

/** By kind, in a fixed order, a kind that is not known here last; the worst first in each. */
export function groupsOf(parts: HealthPart[]): { title: string; parts: HealthPart[] }[] {
  const kinds: string[] = [...new Set([...Object.keys(TITLES), ...parts.map(({ kind }) => kind)])];
  return kinds
    .map((kind) => ({
      title: TITLES[kind] ?? capitalised(kind),
      parts: parts
        .filter((part) => part.kind === kind)
        .toSorted((a, b) => BADNESS[a.state] - BADNESS[b.state]),
    }))
    .filter((group) => group.parts.length > 0);
}

/** One sentence: what somebody should look at. */
export function headline(parts: HealthPart[], services: ServiceState[]): string {
  const down = services.filter(({ problem }) => problem !== null).map(({ name }) => name);
  const bad = [
    ...down,
    ...parts.filter(({ state }) => state === "failing").map(({ name }) => name),
    ...parts.filter(({ state }) => state === "warning").map(({ name }) => name),
  ];
  if (bad.length === 0) return t("Everything works.");
  const shown = bad.slice(0, 3).join(", ");
  return t("Look at {shown}{which}.", {
    shown,
    which: bad.length > 3 ? t(" and {n} more", { n: bad.length - 3 }) : "",
  });
}

/** Of a disk: how much of it is free, 0 to 1. */
export function freeShare({ numbers = {} }: HealthPart): number | null {
  const { free_bytes: free, total_bytes: total } = numbers;
  return free === undefined || !total ? null : Math.min(1, Math.max(0, free / total));
}
