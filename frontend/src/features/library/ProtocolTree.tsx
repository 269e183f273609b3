import { ActionIcon, Button, Menu } from "@mantine/core";
import {
  IconArrowDown,
  IconArrowUp,
  IconCpu,
  IconPencil,
  IconPlus,
  IconScan,
  IconTrash,
} from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";

import { addWorkflow, deleteTask, deleteWorkflow, reorderTasks } from "../../api/library";
import { keys, queries } from "../../api/queries";
import { type Exam, isScan, type Task, type Workflow } from "../../api/types";
import { t } from "../../i18n";
import { duration } from "../../shared/format";
import page from "../../shared/page.module.css";
import { guarded, useMayPlan } from "../../shared/roles";
import { ErrorLine } from "../../shared/states";
import { JobParameters } from "../jobs/JobParameters";
import css from "./library.module.css";
import { moved, placementFacts, readable } from "./protocol";

const TaskModal = lazy(() => import("./TaskModal"));
const WorkflowModal = lazy(() => import("./WorkflowModal"));
const ConfirmModal = lazy(() => import("../../shared/ConfirmModal"));

/** The plan as a tree of workflows and tasks; of a draft it is edited in place. */
export function ProtocolTree({ exam, frozen }: { exam: Exam; frozen: boolean }) {
  const client = useQueryClient();
  const mayNot = useMayPlan();
  const add = useMutation({
    mutationFn: () => addWorkflow(exam.id, t("Workflow {n}", { n: exam.workflows.length + 1 })),
    onSettled: () => client.invalidateQueries({ queryKey: keys.exam(exam.id) }),
  });
  return (
    <div className={css.tree}>
      {exam.workflows.length === 0 && <p className="dim">{t("Nothing is planned yet.")}</p>}
      {exam.workflows.map((workflow) => (
        <WorkflowPart key={workflow.id} exam={exam} workflow={workflow} frozen={frozen} />
      ))}
      {!frozen && (
        <div className={page.buttons}>
          <Button
            size="xs"
            variant="default"
            leftSection={<IconPlus size={16} />}
            loading={add.isPending}
            {...guarded(mayNot)}
            onClick={() => add.mutate()}
          >
            {t("Add workflow")}
          </Button>
        </div>
      )}
      <ErrorLine error={add.error} />
    </div>
  );
}

interface PartProps {
  exam: Exam;
  workflow: Workflow;
  frozen: boolean;
}

function WorkflowPart({ exam, workflow, frozen }: PartProps) {
  const client = useQueryClient();
  const mayNot = useMayPlan();
  const [dialog, setDialog] = useState<"scan" | "job" | "rename" | "delete" | null>(null);
  const again = () => client.invalidateQueries({ queryKey: keys.exam(exam.id) });
  const close = () => setDialog(null);
  return (
    <section
      className={css.workflow}
      aria-label={t("Workflow {workflow}", { workflow: workflow.name })}
    >
      <header className={css.workflowHead}>
        <h4>{workflow.name}</h4>
        {!frozen && (
          <div className={css.tools}>
            <Menu position="bottom-end" shadow="md">
              <Menu.Target>
                <Button
                  size="xs"
                  variant="default"
                  leftSection={<IconPlus size={16} />}
                  {...guarded(mayNot)}
                >
                  {t("Add task")}
                </Button>
              </Menu.Target>
              <Menu.Dropdown>
                <Menu.Item leftSection={<IconScan size={16} />} onClick={() => setDialog("scan")}>
                  {t("Scan: play a sequence")}
                </Menu.Item>
                <Menu.Item leftSection={<IconCpu size={16} />} onClick={() => setDialog("job")}>
                  {t("Job: compute from results")}
                </Menu.Item>
              </Menu.Dropdown>
            </Menu>
            <Tool
              label={t("Rename {workflow}", { workflow: workflow.name })}
              icon={IconPencil}
              mayNot={mayNot}
              onClick={() => setDialog("rename")}
            />
            <Tool
              label={t("Delete {workflow}", { workflow: workflow.name })}
              icon={IconTrash}
              mayNot={mayNot}
              onClick={() => setDialog("delete")}
            />
          </div>
        )}
      </header>
      {workflow.tasks.length === 0 ? (
        <p className="dim">
          {t("No task yet: a version with an empty workflow cannot be released.")}
        </p>
      ) : (
        <ol
          className={css.tasks}
          aria-label={t("Tasks of {workflow}", { workflow: workflow.name })}
        >
          {workflow.tasks.map((task, at) => (
            <TaskPart
              key={task.id}
              exam={exam}
              workflow={workflow}
              frozen={frozen}
              task={task}
              at={at}
            />
          ))}
        </ol>
      )}
      <Suspense>
        {(dialog === "scan" || dialog === "job") && (
          <TaskModal exam={exam} workflow={workflow} kind={dialog} task={null} onClose={close} />
        )}
        {dialog === "rename" && <WorkflowModal exam={exam} workflow={workflow} onClose={close} />}
        {dialog === "delete" && (
          <ConfirmModal
            title={t("Delete workflow {workflow}", { workflow: workflow.name })}
            action={t("Delete the workflow")}
            run={() => deleteWorkflow(workflow).then(again)}
            onClose={close}
          >
            <p>
              {t("{which} Other versions of the protocol keep theirs.", {
                which:
                  workflow.tasks.length === 0
                    ? t("It has no tasks.")
                    : t("Its tasks go too: {tasks}.", {
                        tasks: workflow.tasks.map(({ name }) => name).join(", "),
                      }),
              })}
            </p>
          </ConfirmModal>
        )}
      </Suspense>
    </section>
  );
}

function TaskPart({ exam, workflow, frozen, task, at }: PartProps & { task: Task; at: number }) {
  const client = useQueryClient();
  const mayNot = useMayPlan();
  const [dialog, setDialog] = useState<"edit" | "delete" | null>(null);
  const again = () => client.invalidateQueries({ queryKey: keys.exam(exam.id) });
  const reorder = useMutation({
    mutationFn: (ids: string[]) => reorderTasks(ids),
    onSettled: again,
  });
  const close = () => setDialog(null);
  const Icon = isScan(task) ? IconScan : IconCpu;
  const move = (by: -1 | 1) => {
    const ids = moved(workflow.tasks, at, by);
    if (ids) reorder.mutate(ids);
  };
  return (
    <li className={css.task}>
      <div className={css.taskHead}>
        <Icon size={16} aria-hidden />
        <strong>{task.name}</strong>
        {!frozen && (
          <div className={css.tools}>
            <Tool
              label={t("Move {task} up", { task: task.name })}
              icon={IconArrowUp}
              mayNot={at === 0 ? t("It is the first") : mayNot}
              onClick={() => move(-1)}
            />
            <Tool
              label={t("Move {task} down", { task: task.name })}
              icon={IconArrowDown}
              mayNot={at === workflow.tasks.length - 1 ? t("It is the last") : mayNot}
              onClick={() => move(1)}
            />
            <Tool
              label={t("Edit {task}", { task: task.name })}
              icon={IconPencil}
              mayNot={mayNot}
              onClick={() => setDialog("edit")}
            />
            <Tool
              label={t("Delete {task}", { task: task.name })}
              icon={IconTrash}
              mayNot={mayNot}
              onClick={() => setDialog("delete")}
            />
          </div>
        )}
      </div>
      {task.description && <p className="dim">{task.description}</p>}
      <TaskFacts exam={exam} task={task} frozen={frozen} />
      <ErrorLine error={reorder.error} />
      <Suspense>
        {dialog === "edit" && (
          <TaskModal
            exam={exam}
            workflow={workflow}
            kind={isScan(task) ? "scan" : "job"}
            task={task}
            onClose={close}
          />
        )}
        {dialog === "delete" && (
          <ConfirmModal
            title={t("Delete task {task}", { task: task.name })}
            action={t("Delete the task")}
            run={() => deleteTask(task).then(again)}
            onClose={close}
          >
            <p>{t("It is refused as long as another task reads its result.")}</p>
          </ConfirmModal>
        )}
      </Suspense>
    </li>
  );
}

function TaskFacts({ exam, task, frozen }: { exam: Exam; task: Task; frozen: boolean }) {
  const sequences = useQuery(queries.sequences).data;
  const devices = useQuery(queries.devices).data;
  if (!isScan(task)) {
    const names = new Map(readable(exam.workflows, task).map(({ id, name }) => [id, name]));
    const inputs = task.input_task_ids.map((id) => names.get(id) ?? t("a task that is gone"));
    return (
      <>
        <dl className={page.facts}>
          <dt>{t("Reads")}</dt>
          <dd>{inputs.join(", ") || t("nothing")}</dd>
          {frozen && (
            <>
              <dt>{t("Job")}</dt>
              <dd>{task.dag_id || t("not chosen")}</dd>
              {Object.entries(task.parameter ?? {}).map(([name, value]) => (
                <div key={name} className={page.fact}>
                  <dt>{name}</dt>
                  <dd>{JSON.stringify(value)}</dd>
                </div>
              ))}
            </>
          )}
        </dl>
        {!frozen && <JobParameters task={task} />}
      </>
    );
  }
  const sequence = sequences?.find(({ _id }) => _id === task.sequence_id);
  const device = devices?.find(({ id }) => id === task.device_id);
  return (
    <dl className={page.facts}>
      <dt>{t("Sequence")}</dt>
      <dd>
        {sequence?.name ?? (task.sequence_id ? t("one that is gone") : t("not chosen"))}
        {sequence?.facts && <span className="dim"> · {duration(sequence.facts.duration_s)}</span>}
      </dd>
      <dt>{t("Device")}</dt>
      <dd>
        {device?.name ?? (
          <span className="dim">
            {task.device_id ? t("one that is gone") : t("chosen in the exam")}
          </span>
        )}
      </dd>
      {task.calibration && task.calibration.length > 0 && (
        <>
          <dt>{t("Calibrates")}</dt>
          <dd>{task.calibration.join(", ")}</dd>
        </>
      )}
      {placementFacts(task).map(([name, value]) => (
        <div key={name} className={page.fact}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Tool({
  label,
  icon: Icon,
  mayNot,
  onClick,
}: {
  label: string;
  icon: typeof IconPlus;
  mayNot: string | null;
  onClick: () => void;
}) {
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      size={32}
      aria-label={label}
      title={mayNot ?? label}
      disabled={mayNot !== null}
      onClick={onClick}
    >
      <Icon size={16} aria-hidden />
    </ActionIcon>
  );
}
