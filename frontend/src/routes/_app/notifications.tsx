import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";

import { NotificationsPage } from "../../features/notifications/NotificationsPage";
import { STATUSES } from "../../features/notifications/notification";

export const Route = createFileRoute("/_app/notifications")({
  validateSearch: z.object({
    q: z.optional(z.string()),
    id: z.optional(z.string()),
    state: z.optional(z.enum(STATUSES)),
  }),
  component: function Notifications() {
    const { q = "", id = null, state = null } = Route.useSearch();
    const navigate = Route.useNavigate();
    return (
      <NotificationsPage
        filter={q}
        selectedId={id}
        status={state}
        onFilter={(next) =>
          void navigate({ search: (old) => ({ ...old, q: next || undefined }), replace: true })
        }
        onStatus={(next) =>
          void navigate({ search: (old) => ({ ...old, state: next ?? undefined }), replace: true })
        }
        onSelect={(next) =>
          void navigate({ search: (old) => ({ ...old, id: next ?? undefined }), replace: true })
        }
      />
    );
  },
});
