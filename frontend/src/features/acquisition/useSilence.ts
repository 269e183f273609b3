import { useQuery } from "@tanstack/react-query";

import { queries } from "../../api/queries";
import { isScan, type Task } from "../../api/types";
import { isActive } from "../../shared/status";
import { type Silence, silenceOf } from "./silence";

/** Whether the scanner of a task that is under way has fallen silent. */
export function useSilence(task: Task | null): Silence | null {
  const asked = task !== null && isScan(task) && isActive(task.status);
  const seen = useQuery({ ...queries.acquisition(task?.id ?? ""), enabled: asked }).data;
  return silenceOf(task, seen ?? null);
}
