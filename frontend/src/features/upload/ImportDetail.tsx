import { Button } from "@mantine/core";
import { IconBan, IconRefresh } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { imageKeys, imageQueries } from "../../api/imageQueries";
import { cancelImport, type Import, type Outcome, retryImport } from "../../api/imports";
import { t } from "../../i18n";
import { DetailHead } from "../../shared/DetailHead";
import { DetailSection } from "../../shared/DetailSection";
import { dayAndClock } from "../../shared/format";
import page from "../../shared/page.module.css";
import { PagedList } from "../../shared/PagedList";
import { guarded, useMayOperate } from "../../shared/roles";
import { ErrorLine, QueryView } from "../../shared/states";
import { StatusBadge } from "../../shared/StatusBadge";
import { IMPORT_STATE, importEnded, originWords, OUTCOME, resultWords } from "./looks";
import css from "./upload.module.css";

/** One import: what became of each of its files. */
export function ImportDetail({ id, onClose }: { id: string; onClose: () => void }) {
  const query = useQuery(imageQueries.import(id));
  return (
    <aside className={page.detail} aria-label={t("Import")}>
      <QueryView query={query} rows={6} safe={t("The import goes on as before.")}>
        {(whole) => (
          <>
            <DetailHead
              title={originWords(whole)}
              about={resultWords(whole)}
              look={IMPORT_STATE[whole.state]}
              onClose={onClose}
            />
            {whole.reason && (
              <p className={page.reason} data-fault={whole.state === "failed" || undefined}>
                {whole.reason}
              </p>
            )}
            <Actions whole={whole} />
            <DetailSection title={t("Import")}>
              <dl className={page.facts}>
                <dt>{t("Decided by")}</dt>
                <dd>
                  {whole.forced_rule
                    ? t("only {forcedRule}", { forcedRule: whole.forced_rule })
                    : t("all rules")}
                </dd>
                <dt>{t("Began")}</dt>
                <dd>{dayAndClock(whole.created_at)}</dd>
                {whole.ended_at && (
                  <>
                    <dt>{t("Ended")}</dt>
                    <dd>{dayAndClock(whole.ended_at)}</dd>
                  </>
                )}
              </dl>
            </DetailSection>
            <DetailSection title={t("Files")}>
              <Files id={id} />
            </DetailSection>
          </>
        )}
      </QueryView>
    </aside>
  );
}

function Actions({ whole }: { whole: Import }) {
  const client = useQueryClient();
  const changed = () => client.invalidateQueries({ queryKey: imageKeys.imports });
  const mayNot = useMayOperate();
  const cancel = useMutation({ mutationFn: () => cancelImport(whole.id), onSettled: changed });
  const retry = useMutation({ mutationFn: () => retryImport(whole.id), onSettled: changed });
  const failed = whole.state === "failed";
  if (importEnded(whole) && !failed) return null;
  return (
    <section className={page.detailSection} aria-label={t("Actions")}>
      <div className={page.buttons}>
        {failed ? (
          <Button
            {...guarded(mayNot)}
            leftSection={<IconRefresh size={16} />}
            loading={retry.isPending}
            onClick={() => retry.mutate()}
          >
            {t("Go on where it ended")}
          </Button>
        ) : (
          <Button
            {...guarded(mayNot)}
            variant="default"
            leftSection={<IconBan size={16} />}
            loading={cancel.isPending}
            onClick={() => cancel.mutate()}
          >
            {t("Take in no more")}
          </Button>
        )}
      </div>
      <ErrorLine error={retry.error ?? cancel.error} />
    </section>
  );
}

const OUTCOMES: Record<Outcome, string> = {
  stored: t("Stored"),
  duplicate: t("Here already"),
  conflict: t("Kept aside: second object of a UID"),
  quarantined: t("Kept aside: not readable"),
  refused: t("No image"),
};

function Files({ id }: { id: string }) {
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  return (
    <PagedList
      query={useInfiniteQuery(imageQueries.importFiles(id, outcome))}
      safe={t("The import itself is not affected.")}
      what={t("files")}
      label={t("Files of the import")}
      choices={{
        label: t("What became of them"),
        all: t("Whatever became of them"),
        words: OUTCOMES,
      }}
      choice={outcome}
      onChoice={setOutcome}
      rowId={({ number }) => number}
    >
      {(file) => (
        <>
          <div className={page.line}>
            <StatusBadge look={OUTCOME[file.outcome]} />
            <span className={css.name}>{file.name}</span>
          </div>
          {file.detail && <p className="dim">{file.detail}</p>}
        </>
      )}
    </PagedList>
  );
}
