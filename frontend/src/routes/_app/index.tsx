import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";

import { type Choice, WorklistPage } from "../../features/worklist/WorklistPage";

export const Route = createFileRoute("/_app/")({
  validateSearch: z.object({
    q: z.optional(z.string()),
    days: z.optional(z.enum(["today", "all"])),
    state: z.optional(z.enum(["planned", "running", "done", "failed", "stopped"])),
    device: z.optional(z.string()),
  }),
  component: function Worklist() {
    const { q = "", days = "today", state = null, device = null } = Route.useSearch();
    const navigate = Route.useNavigate();
    const choice: Choice = { filter: q, days, state, deviceId: device };
    return (
      <WorklistPage
        {...choice}
        onChoice={(change) => {
          const next = { ...choice, ...change };
          void navigate({
            search: {
              q: next.filter || undefined,
              days: next.days === "today" ? undefined : next.days,
              state: next.state ?? undefined,
              device: next.deviceId ?? undefined,
            },
            replace: true,
          });
        }}
      />
    );
  },
});
