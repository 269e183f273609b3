import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";

import { KINDS } from "../../api/changes";
import { ChangesPage } from "../../features/changes/ChangesPage";

export const Route = createFileRoute("/_app/changes")({
  validateSearch: z.object({ kind: z.optional(z.enum(KINDS)), id: z.optional(z.string()) }),
  component: function Changes() {
    const { kind = null, id = null } = Route.useSearch();
    const navigate = Route.useNavigate();
    return (
      <ChangesPage
        kind={kind}
        selectedId={id}
        onKind={(next) => void navigate({ search: { kind: next ?? undefined }, replace: true })}
        onSelect={(next) =>
          void navigate({ search: (old) => ({ ...old, id: next ?? undefined }), replace: true })
        }
      />
    );
  },
});
