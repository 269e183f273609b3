import { createFileRoute, redirect } from "@tanstack/react-router";

import { resumeSession } from "../api/endpoints";
import { sessionStore } from "../api/session";
import { AppShell } from "../features/shell/AppShell";

export const Route = createFileRoute("/_app")({
  beforeLoad: async ({ location }) => {
    if (sessionStore.get().token || (await resumeSession())) return;
    throw redirect({ to: "/login", search: { next: location.href } });
  },
  component: AppShell,
});
