import { useQueryClient } from "@tanstack/react-query";

import { deleteTask } from "../../api/plan";
import { keys } from "../../api/queries";
import type { Exam } from "../../api/types";
import { plural, t } from "../../i18n";
import ConfirmModal from "../../shared/ConfirmModal";
import type { Located } from "./tree";
import { goingWith } from "./units";

/** Data go for good: their name is typed first. What has none is deleted with a way back instead. */
export default function DeleteModal({
  exam,
  located: { task, workflow },
  onClose,
}: {
  exam: Exam;
  located: Located;
  onClose: () => void;
}) {
  const client = useQueryClient();
  const { tasks } = goingWith(exam, workflow, task);
  const results = tasks.reduce((sum, one) => sum + one.results.length, 0);
  const run = async () => {
    try {
      for (const { id } of tasks) await deleteTask(id);
    } finally {
      await client.invalidateQueries({ queryKey: keys.exam(exam.id) });
    }
  };
  return (
    <ConfirmModal
      title={t("Delete {task} with its data", { task: task.name })}
      action={t("Delete for good")}
      typed={task.name}
      run={run}
      onClose={onClose}
    >
      <p>
        {t(
          "{results} of {tasks} will be deleted: raw data and images of this exam. They cannot be brought back.",
          {
            results: plural(results, "{n} result", "{n} results"),
            tasks: tasks.map(({ name }) => name).join(", "),
          },
        )}
      </p>
      <p>{t("Images that were sent, or are in the archive, stay there.")}</p>
    </ConfirmModal>
  );
}
