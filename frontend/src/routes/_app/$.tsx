import { createFileRoute, Link } from "@tanstack/react-router";

import { Empty } from "../../shared/states";

/** What no page answers to, within the shell: the patient and STOP stay where they are. */
export const Route = createFileRoute("/_app/$")({
  component: () => (
    <Empty title="There is no such page" action={<Link to="/">Go to the worklist</Link>}>
      The address may be mistyped, or the page has moved.
    </Empty>
  ),
});
