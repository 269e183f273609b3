import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";

import { RetrievePage } from "../../features/retrieve/RetrievePage";

export const Route = createFileRoute("/_app/retrieve")({
  validateSearch: z.object({ id: z.optional(z.string()) }),
  component: function Retrieve() {
    const { id = null } = Route.useSearch();
    const navigate = Route.useNavigate();
    return (
      <RetrievePage
        selectedId={id}
        onSelect={(next) => void navigate({ search: { id: next ?? undefined }, replace: true })}
      />
    );
  },
});
