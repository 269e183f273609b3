import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";

import { COMMITMENT_STATES } from "../../features/commitments/commitment";
import { CommitmentsPage } from "../../features/commitments/CommitmentsPage";

export const Route = createFileRoute("/_app/commitments")({
  validateSearch: z.object({
    id: z.optional(z.string()),
    state: z.optional(z.enum(COMMITMENT_STATES)),
  }),
  component: function Commitments() {
    const { id = null, state = null } = Route.useSearch();
    const navigate = Route.useNavigate();
    return (
      <CommitmentsPage
        state={state}
        selectedId={id}
        onState={(next) => void navigate({ search: { state: next ?? undefined }, replace: true })}
        onSelect={(next) =>
          void navigate({ search: (old) => ({ ...old, id: next ?? undefined }), replace: true })
        }
      />
    );
  },
});
