import { Button } from "@mantine/core";
import { IconBan, IconPlayerTrackNext, IconRefresh } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";

import { imageKeys } from "../../api/imageQueries";
import { type CaseDetail, completeCase, discardCase, retryCase } from "../../api/images";
import { t } from "../../i18n";
import page from "../../shared/page.module.css";
import { guarded, useMayOperate } from "../../shared/roles";
import { ErrorLine } from "../../shared/states";
import { isOpen, mayBeDiscarded } from "./looks";

const ConfirmModal = lazy(() => import("../../shared/ConfirmModal"));

/** What may be done with a case; whatever cannot be undone is asked for once more. */
export function CaseActions({ shown }: { shown: CaseDetail }) {
  const client = useQueryClient();
  const [asking, setAsking] = useState<"complete" | "discard" | null>(null);
  const changed = () =>
    Promise.all([
      client.invalidateQueries({ queryKey: imageKeys.cases }),
      client.invalidateQueries({ queryKey: imageKeys.dispatches }),
    ]);
  const retry = useMutation({ mutationFn: () => retryCase(shown.id), onSettled: changed });
  const close = () => setAsking(null);
  const mayNot = useMayOperate();
  const unsent = shown.dispatches.some(
    ({ status }) => status === "failed" || status === "canceled",
  );
  if (!mayBeDiscarded(shown)) return null;
  return (
    <section className={page.detailSection} aria-label={t("Actions")}>
      <div className={page.buttons}>
        {shown.state === "failed" && unsent && (
          <Button
            {...guarded(mayNot)}
            leftSection={<IconRefresh size={16} />}
            loading={retry.isPending}
            onClick={() => retry.mutate()}
          >
            {t("Send what is missing")}
          </Button>
        )}
        {isOpen(shown) && (
          <Button
            {...guarded(mayNot)}
            leftSection={<IconPlayerTrackNext size={16} />}
            onClick={() => setAsking("complete")}
          >
            {t("Complete now")}
          </Button>
        )}
        <Button
          {...guarded(mayNot)}
          variant="default"
          leftSection={<IconBan size={16} />}
          onClick={() => setAsking("discard")}
        >
          {t("Discard")}
        </Button>
      </div>
      <ErrorLine error={retry.error} />
      <Suspense>
        {asking === "complete" && (
          <ConfirmModal
            title={t("Complete the study now")}
            action={t("Complete now")}
            run={() => completeCase(shown.id).finally(changed)}
            onClose={close}
          >
            <p>
              {t(
                "Nothing more is waited for, and the rule acts on the {n} series that are there. While a series still arrives, this happens as soon as it is there. Series that come later open a case of their own.",
                { n: shown.series.length },
              )}
            </p>
          </ConfirmModal>
        )}
        {asking === "discard" && (
          <ConfirmModal
            title={t("Discard the case")}
            action={t("Discard")}
            run={() => discardCase(shown.id).finally(changed)}
            onClose={close}
          >
            <p>
              {t(
                "{which} The images stay in the archive, from where they can be sent by hand. A discarded case cannot be opened again.",
                {
                  which:
                    shown.state === "failed"
                      ? t("What has not been sent is not sent any more.")
                      : t("Nothing of it is sent."),
                },
              )}
            </p>
          </ConfirmModal>
        )}
      </Suspense>
    </section>
  );
}
