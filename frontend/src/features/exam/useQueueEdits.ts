import { useMutation, useQueryClient } from "@tanstack/react-query";

import { deleteTask, duplicateTask, reorderTasks } from "../../api/plan";
import { keys } from "../../api/queries";
import type { Exam, Task, Workflow } from "../../api/types";
import { plural, t } from "../../i18n";
import { useLatest } from "../../shared/useLatest";
import { goingWith, inOrder } from "./units";
import { tasksInOrder } from "./tree";
import { offerUndo } from "./undo";

/** Changes of the queue. Only a new order is shown before the server has it: it harms nobody. */
export function useQueueEdits(exam: Exam, onSelect: (taskId: string) => void) {
  const client = useQueryClient();
  const examNow = useLatest(exam);
  const key = keys.exam(exam.id);
  const read = () => client.invalidateQueries({ queryKey: key });

  const order = useMutation({
    mutationFn: ({ ids }: { workflow: Workflow; ids: string[] }) => reorderTasks(ids),
    onMutate: async ({ workflow, ids }) => {
      await client.cancelQueries({ queryKey: key });
      client.setQueryData<Exam>(key, (now) => now && withOrder(now, workflow.id, ids));
    },
    onSettled: read,
  });
  const copy = useMutation({
    mutationFn: ({ task, reason }: { task: Task; reason?: string }) =>
      duplicateTask(task.id, { reason, with_jobs: true }),
    onSuccess: async ([first]) => {
      await read();
      if (first) onSelect(first.id);
    },
  });

  function reorder(workflow: Workflow, ids: string[]): void {
    const before = tasksInOrder(workflow).map(({ id }) => id);
    order.mutate(
      { workflow, ids },
      {
        onSuccess: () =>
          offerUndo(
            { examId: exam.id, words: t("Order changed"), hides: [] },
            { undo: () => order.mutateAsync({ workflow, ids: stillThere(before) }) },
          ),
      },
    );
  }
  /** Somebody may have deleted one of them meanwhile. */
  function stillThere(ids: string[]): string[] {
    const here = new Set(
      examNow.current.workflows.flatMap(({ tasks }) => tasks.map(({ id }) => id)),
    );
    return ids.filter((id) => here.has(id));
  }
  function remove(workflow: Workflow, task: Task): void {
    const { tasks } = goingWith(exam, workflow, task);
    const others = tasks.length - 1;
    const words =
      others > 0
        ? plural(
            others,
            "{task} and one of its jobs deleted",
            "{task} and {n} of its jobs deleted",
            {
              task: task.name,
            },
          )
        : t("{task} deleted", { task: task.name });
    const commit = async () => {
      try {
        for (const { id } of tasks) await deleteTask(id);
      } finally {
        await read();
      }
    };
    offerUndo(
      { examId: exam.id, words, hides: [task.id, ...tasks.map(({ id }) => id)] },
      { commit },
    );
  }
  return {
    reorder,
    remove,
    duplicate: (task: Task) => copy.mutate({ task }),
    repeat: (task: Task, reason: string) => copy.mutateAsync({ task, reason }),
    error: order.error ?? copy.error,
    reset: () => {
      order.reset();
      copy.reset();
    },
  };
}

export type QueueEdits = ReturnType<typeof useQueueEdits>;

const withOrder = (exam: Exam, workflowId: string, ids: string[]): Exam => ({
  ...exam,
  workflows: exam.workflows.map((one) => (one.id === workflowId ? inOrder(one, ids) : one)),
});
