import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";

import { STEPS } from "../../features/welcome/steps";
import { WelcomePage } from "../../features/welcome/WelcomePage";

export const Route = createFileRoute("/_app/welcome")({
  validateSearch: z.object({ step: z.optional(z.enum(STEPS)) }),
  component: function Welcome() {
    const { step = null } = Route.useSearch();
    const navigate = Route.useNavigate();
    return (
      <WelcomePage
        opened={step}
        onOpen={(next) => void navigate({ search: { step: next ?? undefined }, replace: true })}
      />
    );
  },
});
