import { Button } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useRef, useState } from "react";

import { queries } from "../../api/queries";
import type { Exam, Task, Workflow } from "../../api/types";
import { t } from "../../i18n";
import { useShortcuts } from "../../shared/shortcuts";
import { Empty, ErrorLine } from "../../shared/states";
import { isActive } from "../../shared/status";
import css from "./queue.module.css";
import { QueueEnd, UndoRow } from "./QueueEnd";
import { RepeatForm } from "./RepeatForm";
import { RowMenu } from "./RowMenu";
import { rowId, TaskRow } from "./TaskRow";
import { type Located, queueOf, sequenceOf, tasksInOrder } from "./tree";
import { useUndoables } from "./undo";
import { goingWith, keptBecause, movedBy } from "./units";
import { useDrag } from "./useDrag";
import { useQueueEdits } from "./useQueueEdits";

const DeleteModal = lazy(() => import("./DeleteModal"));

interface Props {
  exam: Exam;
  selectedId: string | null;
  onSelect: (taskId: string) => void;
  onAdd: () => void;
}

export function Queue({ exam, selectedId, onSelect, onAdd }: Props) {
  const sequences = useQuery(queries.sequences).data;
  const offers = useUndoables(exam.id);
  const hidden = new Set(offers.flatMap(({ hides }) => hides));
  const queue = queueOf(exam).filter(({ task }) => !hidden.has(task.id));
  const edits = useQueueEdits(exam, onSelect);
  const [repeating, setRepeating] = useState<string | null>(null);
  const [deleting, setDeleting] = useState<Located | null>(null);
  const [said, setSaid] = useState("");
  const scroller = useRef<HTMLDivElement>(null);
  const drag = useDrag(scroller, edits.reorder);

  const select = (taskId: string) => {
    onSelect(taskId);
    document.getElementById(rowId(taskId))?.focus({ preventScroll: false });
  };
  const move = (by: number) => {
    const at = queue.findIndex(({ task }) => task.id === selectedId);
    const next = queue[Math.min(queue.length - 1, Math.max(0, at + by))];
    if (next) select(next.task.id);
  };
  const shift = ({ task, workflow }: Located, by: -1 | 1) => {
    const ids = movedBy(workflow, task.id, by);
    if (!ids) {
      setSaid(
        by < 0
          ? t("{task} cannot move up", { task: task.name })
          : t("{task} cannot move down", { task: task.name }),
      );
      return;
    }
    edits.reorder(workflow, ids);
    setSaid(
      t("{task} is now {place} of {n}", {
        task: task.name,
        place: ids.indexOf(task.id) + 1,
        n: ids.length,
      }),
    );
  };
  const remove = (located: Located) => {
    const { task, workflow } = located;
    const going = goingWith(exam, workflow, task);
    if (keptBecause(going)) return;
    if (going.tasks.some(({ results }) => results.length > 0)) {
      setDeleting(located);
      return;
    }
    edits.remove(workflow, task);
    setSaid(t("{task} is deleted; Undo takes it back within ten seconds", { task: task.name }));
  };
  const selected = queue.find(({ task }) => task.id === selectedId);
  useShortcuts({
    j: () => move(1),
    ArrowDown: () => move(1),
    k: () => move(-1),
    ArrowUp: () => move(-1),
    "Alt+ArrowUp": () => selected && shift(selected, -1),
    "Alt+ArrowDown": () => selected && shift(selected, 1),
    d: () => selected && edits.duplicate(selected.task),
    a: onAdd,
    Delete: () => selected && remove(selected),
    Enter: ({ target }) => {
      const pressed =
        target instanceof HTMLElement ? target.closest<HTMLElement>("a,button") : null;
      pressed?.click();
      if (!pressed || pressed.dataset.testid === "task-row") {
        document.getElementById("viewer")?.focus();
      }
    },
  });

  const rowOf = (task: Task, workflow: Workflow) => {
    const offer = offers.find(({ hides }) => hides[0] === task.id);
    if (offer) return <UndoRow offer={offer} />;
    if (hidden.has(task.id)) return null;
    const located = { task, workflow };
    const up = movedBy(workflow, task.id, -1) ? () => shift(located, -1) : undefined;
    const down = movedBy(workflow, task.id, 1) ? () => shift(located, 1) : undefined;
    const movable = up !== undefined || down !== undefined;
    const begun = task.task_type === "ACQUISITION" && task.started_at && !isActive(task.status);
    return (
      <>
        <div className={css.item} {...drag.of(located, movable)}>
          <TaskRow
            task={task}
            planned={sequenceOf(task, sequences)}
            selected={task.id === selectedId}
            movable={movable}
            onSelect={() => onSelect(task.id)}
          />
          <RowMenu
            task={task}
            acts={{
              up,
              down,
              duplicate: () => edits.duplicate(task),
              repeat: begun ? () => setRepeating(task.id) : undefined,
              remove: () => remove(located),
              kept: keptBecause(goingWith(exam, workflow, task)),
            }}
          />
        </div>
        {repeating === task.id && (
          <RepeatForm
            task={task}
            onRepeat={(reason) => edits.repeat(task, reason)}
            onClose={() => setRepeating(null)}
          />
        )}
      </>
    );
  };

  return (
    <section className={css.queue} aria-label={t("Queue")}>
      <div className={css.queueScroll} ref={scroller}>
        {queueOf(exam).length === 0 && (
          <Empty title={t("Nothing planned")}>
            {t("This exam has no tasks in its workflows.")}
          </Empty>
        )}
        {exam.workflows.map((workflow) => (
          <div key={workflow.id}>
            <h2 className={css.workflow}>{workflow.name}</h2>
            <ul>
              {tasksInOrder(workflow).map((task) => (
                <li key={task.id}>{rowOf(task, workflow)}</li>
              ))}
            </ul>
          </div>
        ))}
        <Button
          className={css.add}
          variant="subtle"
          justify="flex-start"
          leftSection={<IconPlus size={16} />}
          onClick={onAdd}
        >
          {t("Add from protocol")}
        </Button>
      </div>
      {offers
        .filter(({ hides }) => hides.length === 0)
        .slice(-1)
        .map((offer) => (
          <UndoRow key={offer.id} offer={offer} />
        ))}
      {edits.error !== null && (
        <div className={css.undoFailed}>
          <ErrorLine error={edits.error} />
          <Button size="xs" variant="default" onClick={edits.reset}>
            {t("Close")}
          </Button>
        </div>
      )}
      <QueueEnd exam={exam} sequences={sequences} />
      <span className="visually-hidden" role="status">
        {said}
      </span>
      {deleting && (
        <Suspense>
          <DeleteModal exam={exam} located={deleting} onClose={() => setDeleting(null)} />
        </Suspense>
      )}
    </section>
  );
}
