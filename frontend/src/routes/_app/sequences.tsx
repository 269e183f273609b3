import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";

import { SequencesPage } from "../../features/library/SequencesPage";

export const Route = createFileRoute("/_app/sequences")({
  validateSearch: z.object({ q: z.optional(z.string()), id: z.optional(z.string()) }),
  component: function Sequences() {
    const { q = "", id = null } = Route.useSearch();
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
      />
    );
  },
});
