import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";

import { RulesPage } from "../../features/rules/RulesPage";

/** `edit` names the rule that is being edited; `new=1` makes one. */
export const Route = createFileRoute("/_app/rules")({
  validateSearch: z.object({
    q: z.optional(z.string()),
    id: z.optional(z.string()),
    edit: z.optional(z.string()),
    new: z.optional(z.literal(1)),
  }),
  component: function Rules() {
    const { q = "", id = null, edit, new: isNew } = Route.useSearch();
    const navigate = Route.useNavigate();
    const named = edit === undefined ? null : { name: edit };
    return (
      <RulesPage
        filter={q}
        selected={id}
        editing={isNew ? { name: null } : named}
        onFilter={(next) =>
          void navigate({ search: (old) => ({ ...old, q: next || undefined }), replace: true })
        }
        onSelect={(next) =>
          void navigate({ search: (old) => ({ ...old, id: next ?? undefined }), replace: true })
        }
        onEdit={(next, selected) =>
          void navigate({
            search: (old) => ({
              q: old.q,
              id: next ? (next.name ?? old.id) : (selected ?? old.id),
              ...(next && (next.name === null ? { new: 1 as const } : { edit: next.name })),
            }),
          })
        }
      />
    );
  },
});
