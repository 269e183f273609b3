import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";

import { CasesPage } from "../../features/cases/CasesPage";
import { CASE_STATES } from "../../features/cases/looks";

export const Route = createFileRoute("/_app/cases")({
  validateSearch: z.object({
    q: z.optional(z.string()),
    state: z.optional(z.enum(CASE_STATES)),
    rule: z.optional(z.string()),
    id: z.optional(z.string()),
  }),
  component: function Cases() {
    const { q = "", state = null, rule = null, id = null } = Route.useSearch();
    const navigate = Route.useNavigate();
    const set = (changes: Partial<ReturnType<typeof Route.useSearch>>) =>
      void navigate({ search: (old) => ({ ...old, ...changes }), replace: true });
    return (
      <CasesPage
        filter={q}
        state={state}
        rule={rule}
        selectedId={id}
        onFilter={(next) => set({ q: next || undefined })}
        onState={(next) => set({ state: next ?? undefined })}
        onRule={(next) => set({ rule: next ?? undefined })}
        onSelect={(next) => set({ id: next ?? undefined })}
      />
    );
  },
});
