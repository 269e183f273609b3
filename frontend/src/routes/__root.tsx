import { createRootRoute, Link, Outlet } from "@tanstack/react-router";

import { Empty, ErrorState } from "../shared/states";

export const Route = createRootRoute({
  component: Outlet,
  notFoundComponent: () => (
    <Empty title="There is no such page" action={<Link to="/">Go to the worklist</Link>}>
      The address may be mistyped, or the page has moved.
    </Empty>
  ),
  errorComponent: ({ error, reset }) => (
    <ErrorState
      error={error}
      safe="Nothing was sent to a scanner. A running scan goes on; its own stop button works."
      onRetry={reset}
    />
  ),
});
