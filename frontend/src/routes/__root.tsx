import { createRootRoute, Outlet } from "@tanstack/react-router";

import { t } from "../i18n";
import { ErrorState } from "../shared/states";

export const Route = createRootRoute({
  component: Outlet,
  errorComponent: ({ error, reset }) => (
    <ErrorState
      error={error}
      safe={t("Nothing was sent to a scanner. A running scan goes on; its own stop button works.")}
      onRetry={reset}
    />
  ),
});
