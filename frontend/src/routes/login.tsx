import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";

import { LoginPage } from "../features/session/LoginPage";

export const Route = createFileRoute("/login")({
  validateSearch: z.object({ next: z.optional(z.string()) }),
  component: function Login() {
    return <LoginPage next={Route.useSearch().next} />;
  },
});
