import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";

import { ProtocolsPage, SHOWN } from "../../features/library/ProtocolsPage";

export const Route = createFileRoute("/_app/protocols")({
  validateSearch: z.object({
    q: z.optional(z.string()),
    id: z.optional(z.string()),
    shown: z.optional(z.enum(SHOWN)),
  }),
  component: function Protocols() {
    const { q = "", id = null, shown = "all" } = Route.useSearch();
    const navigate = Route.useNavigate();
    return (
      <ProtocolsPage
        filter={q}
        shown={shown}
        selectedId={id}
        onFilter={(next) =>
          void navigate({ search: (old) => ({ ...old, q: next || undefined }), replace: true })
        }
        onShown={(next) =>
          void navigate({
            search: (old) => ({ ...old, shown: next === "all" ? undefined : next }),
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
