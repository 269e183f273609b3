import { useQuery } from "@tanstack/react-query";

import { queries } from "../../api/queries";
import type { Task } from "../../api/types";
import { clock } from "../../shared/format";
import { timelineOf } from "../exam/timeline";
import css from "./acquisition.module.css";

/** The last that was heard of a scan, as the journal has it; how far it is stands beside. */
export function LogLine({ task }: { task: Task | null }) {
  const journal = useQuery({ ...queries.journal(task?.id ?? ""), enabled: task !== null });
  const told = (journal.data ?? []).filter(({ type }) => !type.endsWith(".progress"));
  const [last] = timelineOf(told);
  if (!task || !last) return null;
  const words = [last.words, last.detail].filter(Boolean).join(" \u00b7 ");
  return (
    <span
      className={css.log}
      data-testid="log-line"
      data-fault={last.fault || undefined}
      title={`${task.name}: ${words}`}
    >
      <span className="live-number">{clock(last.time)}</span> {words}
    </span>
  );
}
