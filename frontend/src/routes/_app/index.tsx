import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";

import { WorklistPage } from "../../features/worklist/WorklistPage";

export const Route = createFileRoute("/_app/")({
  validateSearch: z.object({
    q: z.optional(z.string()),
    days: z.optional(z.enum(["today", "all"])),
  }),
  component: function Worklist() {
    const { q = "", days = "today" } = Route.useSearch();
    const navigate = Route.useNavigate();
    return (
      <WorklistPage
        filter={q}
        days={days}
        onFilter={(next) =>
          void navigate({ search: (old) => ({ ...old, q: next || undefined }), replace: true })
        }
        onDays={(next) =>
          void navigate({
            search: (old) => ({ ...old, days: next === "today" ? undefined : next }),
            replace: true,
          })
        }
      />
    );
  },
});
