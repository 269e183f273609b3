import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";

import { LoginsPage } from "../../features/people/LoginsPage";

export const Route = createFileRoute("/_app/sessions")({
  validateSearch: z.object({ q: z.optional(z.string()) }),
  component: function Sessions() {
    const { q = "" } = Route.useSearch();
    const navigate = Route.useNavigate();
    return (
      <LoginsPage
        filter={q}
        onFilter={(next) => void navigate({ search: { q: next || undefined }, replace: true })}
        onUser={(id) => void navigate({ to: "/users", search: { id } })}
      />
    );
  },
});
