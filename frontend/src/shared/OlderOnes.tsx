import { Button } from "@mantine/core";

import { moreOf } from "../api/pages";
import { t } from "../i18n";
import page from "./page.module.css";
import type { Asked } from "./states";

/** Of a list that is looked through here: how far back, and the way further. */
export function OlderOnes({ query }: { query: Asked<unknown[]> & Parameters<typeof moreOf>[0] }) {
  if (!query.hasNextPage) return null;
  return (
    <div className={page.note}>
      <p>{t("Looked for among the newest {n}.", { n: query.data?.length })}</p>
      <Button size="xs" variant="default" loading={query.isFetching} onClick={moreOf(query)}>
        {t("Look at older ones too")}
      </Button>
    </div>
  );
}
