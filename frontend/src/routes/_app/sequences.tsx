import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";

import { SequencesPage } from "../../features/library/SequencesPage";

export const Route = createFileRoute("/_app/sequences")({
  validateSearch: z.object({
    q: z.optional(z.string()),
    id: z.optional(z.string()),
    look: z.optional(z.boolean()),
    with: z.optional(z.string()),
  }),
  component: function Sequences() {
    const { q = "", id = null, look = false, with: comparedId = null } = Route.useSearch();
    const navigate = Route.useNavigate();
    return (
      <SequencesPage
        filter={q}
        selectedId={id}
        onFilter={(next) =>
          void navigate({ search: (old) => ({ ...old, q: next || undefined }), replace: true })
        }
        onSelect={(next) =>
          void navigate({ search: (old) => ({ ...old, id: next ?? undefined }), replace: true })
        }
        look={look ? { comparedId } : null}
        onLook={(next) =>
          void navigate({
            search: (old) => ({
              ...old,
              look: next ? true : undefined,
              with: next?.comparedId ?? undefined,
            }),
            // The way back of the browser leads to the list.
            replace: look === Boolean(next),
          })
        }
      />
    );
  },
});
