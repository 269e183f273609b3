import { IconAlertTriangle } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";

import { queries } from "../../api/queries";
import type { Exam, Sequence, Task } from "../../api/types";
import { clock, counted, duration, plainReason, reasonAfter } from "../../shared/format";
import { useShortcuts } from "../../shared/shortcuts";
import { Empty } from "../../shared/states";
import { ITEM_STATUS, isActive } from "../../shared/status";
import { StatusBadge } from "../../shared/StatusBadge";
import { useNow } from "../../shared/useNow";
import { Progress } from "../acquisition/Progress";
import { taskLook } from "../acquisition/silence";
import { useSilence } from "../acquisition/useSilence";
import css from "./exam.module.css";
import { queueOf, remainingQueueSeconds, sequenceOf, tasksInOrder } from "./tree";

interface Props {
  exam: Exam;
  selectedId: string | null;
  onSelect: (taskId: string) => void;
}

export function Queue({ exam, selectedId, onSelect }: Props) {
  const sequences = useQuery(queries.sequences).data;
  const queue = queueOf(exam);
  const move = (by: number) => {
    const at = queue.findIndex(({ task }) => task.id === selectedId);
    const next = queue[Math.min(queue.length - 1, Math.max(0, at + by))];
    if (!next) return;
    onSelect(next.task.id);
    document.getElementById(rowId(next.task.id))?.focus({ preventScroll: false });
  };
  useShortcuts({
    j: () => move(1),
    ArrowDown: () => move(1),
    k: () => move(-1),
    ArrowUp: () => move(-1),
    Enter: (event) => {
      if (event.target instanceof HTMLElement && event.target.closest("a,button")) {
        event.target.click();
      }
      document.getElementById("viewer")?.focus();
    },
  });
  return (
    <section className={css.queue} aria-label="Queue">
      <div className={css.queueScroll}>
        {queue.length === 0 && (
          <Empty title="Nothing planned">This exam has no tasks in its workflows.</Empty>
        )}
        {exam.workflows.map((workflow) => (
          <div key={workflow.id}>
            <h2 className={css.workflow}>{workflow.name}</h2>
            <ul>
              {tasksInOrder(workflow).map((task) => (
                <li key={task.id}>
                  <TaskRow
                    task={task}
                    planned={sequenceOf(task, sequences)}
                    selected={task.id === selectedId}
                    onSelect={() => onSelect(task.id)}
                  />
                </li>
              ))}
            </ul>
          </div>
        ))}
      </div>
      <QueueEnd exam={exam} sequences={sequences} />
    </section>
  );
}

const rowId = (taskId: string) => `task-${taskId}`;

function TaskRow({
  task,
  planned,
  selected,
  onSelect,
}: {
  task: Task;
  planned: Sequence | null;
  selected: boolean;
  onSelect: () => void;
}) {
  const scan = task.task_type === "ACQUISITION";
  const failed = task.status === "ERROR" || task.status === "CANCELED";
  const silence = useSilence(task);
  return (
    <button
      type="button"
      id={rowId(task.id)}
      className={css.row}
      data-testid="task-row"
      data-status={task.status}
      data-silent={silence?.kind}
      aria-current={selected || undefined}
      onClick={onSelect}
    >
      <span className={css.rowTop}>
        <span className={css.rowName}>{task.name}</span>
        <span className="live-number dim">
          {scan ? planned?.facts && duration(planned.facts.duration_s) : "auto"}
        </span>
      </span>
      <span className={css.rowBottom}>
        <StatusBadge look={taskLook(task, silence)} />
        {silence?.since && (
          <span className={`${css.rowReason} live-number`}>since {clock(silence.since)}</span>
        )}
        {isActive(task.status) && !silence && <Progress task={task} />}
        {failed && task.status_reason && (
          <span className={css.rowReason} title={plainReason(task.status_reason)}>
            {reasonAfter(ITEM_STATUS[task.status].word, task.status_reason)}
          </span>
        )}
      </span>
    </button>
  );
}

function QueueEnd({ exam, sequences }: { exam: Exam; sequences: Sequence[] | undefined }) {
  const now = useNow(true, 15_000);
  const queue = queueOf(exam);
  const scans = queue.filter(({ task }) => task.task_type === "ACQUISITION");
  const done = scans.filter(({ task }) => task.status === "FINISHED").length;
  const failed = scans.filter(({ task }) => task.status === "ERROR").length;
  const left = remainingQueueSeconds(queue, sequences);
  const running = scans.some(({ task }) => isActive(task.status));
  if (scans.length === 0) return null;
  return (
    <footer className={css.queueEnd}>
      <span>
        {done} of {counted(scans.length, "scan")} done
      </span>
      {failed > 0 && (
        <span className={css.queueFailed}>
          <IconAlertTriangle size={14} aria-hidden /> {failed} failed
        </span>
      )}
      {left !== null && left > 0 && (
        <span className="live-number" title={`${duration(left)} of scanning left`}>
          {running ? "queue ends" : "ends"} {clock(now + left * 1000, false)}
          {!running && " if started now"}
        </span>
      )}
    </footer>
  );
}
