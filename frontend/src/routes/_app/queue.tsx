import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";

import { QueuePage } from "../../features/queue/QueuePage";
import { VIEW_NAMES } from "../../features/queue/sending";

export const Route = createFileRoute("/_app/queue")({
  validateSearch: z.object({
    q: z.optional(z.string()),
    view: z.optional(z.enum(VIEW_NAMES)),
    target: z.optional(z.string()),
    id: z.optional(z.string()),
  }),
  component: function Queue() {
    const { q = "", view = "open", target = null, id = null } = Route.useSearch();
    const navigate = Route.useNavigate();
    const set = (changes: Partial<ReturnType<typeof Route.useSearch>>) =>
      void navigate({ search: (old) => ({ ...old, ...changes }), replace: true });
    return (
      <QueuePage
        filter={q}
        view={view}
        target={target}
        selectedId={id}
        onFilter={(next) => set({ q: next || undefined })}
        onView={(next) => set({ view: next === "open" ? undefined : next })}
        onTarget={(next) => set({ target: next ?? undefined })}
        onSelect={(next) => set({ id: next ?? undefined })}
      />
    );
  },
});
