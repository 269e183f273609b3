import { createFileRoute, Link } from "@tanstack/react-router";

import { t } from "../../i18n";
import { Empty } from "../../shared/states";

/** What no page answers to, within the shell: the patient and STOP stay where they are. */
export const Route = createFileRoute("/_app/$")({
  component: () => (
    <Empty
      title={t("There is no such page")}
      action={<Link to="/">{t("Go to the worklist")}</Link>}
    >
      {t("The address may be mistyped, or the page has moved.")}
    </Empty>
  ),
});
