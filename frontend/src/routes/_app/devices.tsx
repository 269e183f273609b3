import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";

import { DevicesPage } from "../../features/devices/DevicesPage";
import { TABS } from "../../features/devices/tabs";

export const Route = createFileRoute("/_app/devices")({
  validateSearch: z.object({
    q: z.optional(z.string()),
    id: z.optional(z.string()),
    tab: z.optional(z.enum(TABS)),
  }),
  component: function Devices() {
    const { q = "", id = null, tab = "overview" } = Route.useSearch();
    const navigate = Route.useNavigate();
    return (
      <DevicesPage
        filter={q}
        selectedId={id}
        tab={tab}
        onFilter={(next) =>
          void navigate({ search: (old) => ({ ...old, q: next || undefined }), replace: true })
        }
        onTab={(next) =>
          void navigate({
            search: (old) => ({ ...old, tab: next === "overview" ? undefined : next }),
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
