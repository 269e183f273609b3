import { createFileRoute } from "@tanstack/react-router";

import { AccountPage } from "../../features/people/AccountPage";

export const Route = createFileRoute("/_app/account")({ component: AccountPage });
