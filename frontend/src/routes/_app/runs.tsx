import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";

import { NO_FILTER, RUN_KIND_NAMES, RUN_VIEW_NAMES } from "../../features/runs/filter";
import { RunsPage } from "../../features/runs/RunsPage";

export const Route = createFileRoute("/_app/runs")({
  validateSearch: z.object({
    id: z.optional(z.string()),
    view: z.optional(z.enum(RUN_VIEW_NAMES)),
    kind: z.optional(z.enum(RUN_KIND_NAMES)),
    job: z.optional(z.string()),
    device: z.optional(z.string()),
    since: z.optional(z.string().check(z.regex(/^\d{4}-\d{2}-\d{2}$/))),
  }),
  component: function Runs() {
    const { id = null, ...wanted } = Route.useSearch();
    const navigate = Route.useNavigate();
    return (
      <RunsPage
        search={{ ...NO_FILTER, ...wanted }}
        selectedId={id}
        onSearch={(changes) =>
          void navigate({
            search: (old) => ({
              ...old,
              ...Object.fromEntries(
                Object.entries(changes).map(([name, value]) => [
                  name,
                  value === null || value === "all" ? undefined : value,
                ]),
              ),
              id: undefined,
            }),
            replace: true,
          })
        }
        onSelect={(next) =>
          void navigate({ search: (old) => ({ ...old, id: next ?? undefined }), replace: true })
        }
      />
    );
  },
});
