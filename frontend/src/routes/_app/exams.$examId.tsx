import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";

import { queryClient } from "../../app";
import { readAhead } from "../../features/exam/ahead";
import { ExamPage } from "../../features/exam/ExamPage";

export const Route = createFileRoute("/_app/exams/$examId")({
  validateSearch: z.object({ task: z.optional(z.string()) }),
  loader: ({ params }) => readAhead(queryClient, params.examId),
  component: function Exam() {
    const { examId } = Route.useParams();
    const { task = null } = Route.useSearch();
    const navigate = Route.useNavigate();
    return (
      <ExamPage
        key={examId}
        examId={examId}
        selectedTaskId={task}
        onSelectTask={(next) => void navigate({ search: { task: next }, replace: true })}
      />
    );
  },
});
