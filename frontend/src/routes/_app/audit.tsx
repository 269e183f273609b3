import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";

import { AuditPage } from "../../features/people/AuditPage";

const day = z.optional(z.string().check(z.regex(/^\d{4}-\d{2}-\d{2}$/)));

export const Route = createFileRoute("/_app/audit")({
  validateSearch: z.object({
    actor: z.optional(z.string()),
    action: z.optional(z.string()),
    subject: z.optional(z.string()),
    from: day,
    to: day,
    id: z.optional(z.string()),
  }),
  component: function Audit() {
    const { id = null, ...filter } = Route.useSearch();
    const navigate = Route.useNavigate();
    return (
      <AuditPage
        filter={filter}
        selectedId={id}
        onFilter={(next) => void navigate({ search: next, replace: true })}
        onSelect={(next) =>
          void navigate({ search: (old) => ({ ...old, id: next ?? undefined }), replace: true })
        }
      />
    );
  },
});
