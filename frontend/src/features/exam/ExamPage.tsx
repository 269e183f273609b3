import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useState } from "react";

import { ApiError } from "../../api/problem";
import { queries } from "../../api/queries";
import type { Exam } from "../../api/types";
import { t } from "../../i18n";
import { Empty, QueryView } from "../../shared/states";
import { useLatest } from "../../shared/useLatest";
import { openExam } from "../shell/openExam";
import { useStreamState } from "../shell/StreamBadge";
import css from "./exam.module.css";
import { Inspector } from "./Inspector";
import { Queue } from "./Queue";
import { queueOf, selectedIn } from "./tree";
import { useUndoables } from "./undo";

const ImagesPane = lazy(() => import("./ImagesPane"));
const AddFromProtocol = lazy(() => import("./AddFromProtocol"));

interface Props {
  examId: string;
  selectedTaskId: string | null;
  onSelectTask: (taskId: string) => void;
}

export function ExamPage({ examId, selectedTaskId, onSelectTask }: Props) {
  const exam = useQuery(queries.exam(examId));
  if (exam.error instanceof ApiError && [400, 404].includes(exam.error.status)) {
    return (
      <Empty
        title={t("There is no such exam")}
        action={<Link to="/">{t("Go to the worklist")}</Link>}
      >
        {t("It may have been deleted, or the address is not complete.")}
      </Empty>
    );
  }
  return (
    <QueryView
      query={exam}
      rows={8}
      safe={t("The exam itself is untouched, and a running scan goes on.")}
    >
      {(data) => (
        <Cockpit exam={data} selectedTaskId={selectedTaskId} onSelectTask={onSelectTask} />
      )}
    </QueryView>
  );
}

function Cockpit({ exam, selectedTaskId, onSelectTask }: Omit<Props, "examId"> & { exam: Exam }) {
  const stream = useStreamState();
  const [adding, setAdding] = useState(false);
  const gone = new Set(useUndoables(exam.id).flatMap(({ hides }) => hides));
  const selected = selectedIn(queueOf(exam), selectedTaskId, gone);
  const taskId = selected?.task.id ?? null;
  useEffect(() => openExam({ examId: exam.id, taskId }), [exam.id, taskId]);
  const chosen = selectedTaskId !== null && selectedTaskId === taskId;
  const select = useLatest(onSelectTask);
  useEffect(() => {
    // What is selected stays selected: Start must never move to another task by itself.
    if (!chosen && taskId) select.current(taskId);
  }, [chosen, taskId, select]);
  return (
    <div className={css.cockpit} data-stale={stream.kind === "stale" || undefined}>
      <h1 className="visually-hidden">{t("Exam {exam}", { exam: exam.name })}</h1>
      <Queue
        exam={exam}
        selectedId={taskId}
        onSelect={onSelectTask}
        onAdd={() => setAdding(true)}
      />
      <Suspense fallback={<section className={css.images} />}>
        <ImagesPane exam={exam} selected={selected} />
      </Suspense>
      {adding ? (
        <Suspense fallback={<aside className={css.inspector} />}>
          <AddFromProtocol
            exam={exam}
            into={selected?.workflow ?? exam.workflows.at(-1) ?? null}
            onAdded={onSelectTask}
            onClose={() => setAdding(false)}
          />
        </Suspense>
      ) : (
        <Inspector exam={exam} selected={selected} />
      )}
    </div>
  );
}
