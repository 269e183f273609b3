import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";

import { ModulesPage } from "../../features/modules/ModulesPage";

export const Route = createFileRoute("/_app/modules")({
  validateSearch: z.object({ q: z.optional(z.string()), id: z.optional(z.string()) }),
  component: function Modules() {
    const { q = "", id = null } = Route.useSearch();
    const navigate = Route.useNavigate();
    return (
      <ModulesPage
        filter={q}
        selected={id}
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
