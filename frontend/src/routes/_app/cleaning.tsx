import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";

import { CleaningPage } from "../../features/cleaning/CleaningPage";

export const Route = createFileRoute("/_app/cleaning")({
  validateSearch: z.object({ show: z.optional(z.enum(["held"])) }),
  component: function Cleaning() {
    const { show } = Route.useSearch();
    const navigate = Route.useNavigate();
    return (
      <CleaningPage
        held={show === "held"}
        onHeld={(held) =>
          void navigate({ search: { show: held ? "held" : undefined }, replace: true })
        }
      />
    );
  },
});
