import { createFileRoute } from "@tanstack/react-router";

import { WorkPage } from "../../features/workers/WorkPage";

export const Route = createFileRoute("/_app/processing")({ component: WorkPage });
