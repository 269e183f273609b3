import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";

import { SettingsPage } from "../../features/settings/SettingsPage";

export const Route = createFileRoute("/_app/settings")({
  validateSearch: z.object({ q: z.optional(z.string()), changed: z.optional(z.literal(1)) }),
  component: function Settings() {
    const { q = "", changed } = Route.useSearch();
    const navigate = Route.useNavigate();
    return (
      <SettingsPage
        filter={q}
        changedOnly={changed === 1}
        onFilter={(next) =>
          void navigate({ search: (old) => ({ ...old, q: next || undefined }), replace: true })
        }
        onChangedOnly={(next) =>
          void navigate({
            search: (old) => ({ ...old, changed: next ? (1 as const) : undefined }),
            replace: true,
          })
        }
      />
    );
  },
});
