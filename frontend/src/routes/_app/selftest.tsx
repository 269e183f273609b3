import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";

import { SelfTestPage } from "../../features/selftest/SelfTestPage";

export const Route = createFileRoute("/_app/selftest")({
  validateSearch: z.object({ id: z.optional(z.string()) }),
  component: function SelfTest() {
    const { id = null } = Route.useSearch();
    const navigate = Route.useNavigate();
    return (
      <SelfTestPage
        selectedId={id}
        onSelect={(next) => void navigate({ search: { id: next ?? undefined }, replace: true })}
      />
    );
  },
});
