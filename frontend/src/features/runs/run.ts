import type { Run } from "../../api/types";

/** What may be done with a run of a job. Pure. */

export const isOpen = ({ status }: Pick<Run, "status">): boolean =>
  ["queued", "waiting", "running"].includes(status);

/** One that was in vain; the data may be at fault, and then it would be so again. */
export const mayRetry = ({ status }: Pick<Run, "status">): boolean =>
  !isOpen({ status }) && status !== "succeeded";
