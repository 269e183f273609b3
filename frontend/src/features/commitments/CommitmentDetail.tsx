import { Button } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { type CommitmentDetail as Whole, retryCommitment } from "../../api/commitments";
import { imageKeys, imageQueries } from "../../api/imageQueries";
import { t } from "../../i18n";
import { DetailHead } from "../../shared/DetailHead";
import { DetailSection } from "../../shared/DetailSection";
import { dayAndClock } from "../../shared/format";
import page from "../../shared/page.module.css";
import { guarded, useMayOperate } from "../../shared/roles";
import { ErrorLine, QueryView } from "../../shared/states";
import { ByReason } from "../queue/ByReason";
import { COMMITMENT_STATE, keptWords, notKept, untoldWords } from "./commitment";

/** One request of a node: what we keep of what it asked about, and whether it has heard. */
export function CommitmentDetail({ id, onClose }: { id: string; onClose: () => void }) {
  const query = useQuery(imageQueries.commitment(id));
  return (
    <aside className={page.detail} aria-label={t("Storage commitment")}>
      <QueryView query={query} rows={6} safe={t("The images are stored.")}>
        {(whole) => (
          <>
            <DetailHead
              title={t("Asked by {peerAet}", { peerAet: whole.peer_aet })}
              about={keptWords(whole)}
              look={COMMITMENT_STATE[whole.state]}
              onClose={onClose}
            />
            <Shown whole={whole} />
          </>
        )}
      </QueryView>
    </aside>
  );
}

function Shown({ whole }: { whole: Whole }) {
  const client = useQueryClient();
  const mayNot = useMayOperate();
  const retry = useMutation({
    mutationFn: () => retryCommitment(whole.id),
    onSettled: () => client.invalidateQueries({ queryKey: imageKeys.commitments }),
  });
  const why = untoldWords(whole);
  const missing = notKept(whole);
  return (
    <>
      {why && (
        <p className={page.reason} data-fault={whole.state === "failed" || undefined}>
          {why}
        </p>
      )}
      {whole.state !== "reported" && (
        <section className={page.detailSection} aria-label={t("Actions")}>
          <div className={page.buttons}>
            <Button
              {...guarded(mayNot)}
              leftSection={<IconRefresh size={16} />}
              loading={retry.isPending}
              onClick={() => retry.mutate()}
            >
              {t("Tell it now")}
            </Button>
          </div>
          <ErrorLine error={retry.error} />
        </section>
      )}
      <DetailSection title={missing.length > 0 ? t("Not kept") : t("Images")}>
        {missing.length > 0 ? (
          <ByReason rows={missing} />
        ) : (
          <p className="dim">
            {whole.kept == null ? t("Not looked for yet.") : t("Each of them is in the archive.")}
          </p>
        )}
      </DetailSection>
      <DetailSection title={t("Request")}>
        <dl className={page.facts}>
          <dt>{t("From")}</dt>
          <dd>
            {t("{peerAet} at {address}", { peerAet: whole.peer_aet, address: whole.address })}
          </dd>
          <dt>{t("Called")}</dt>
          <dd>{whole.own_aet}</dd>
          <dt>{t("Came")}</dt>
          <dd>{dayAndClock(whole.received_at)}</dd>
          {whole.ended_at && (
            <>
              <dt>{whole.state === "reported" ? t("Told") : t("Given up")}</dt>
              <dd>{dayAndClock(whole.ended_at)}</dd>
            </>
          )}
          <dt>{t("Attempts")}</dt>
          <dd className="live-number">{whole.attempt}</dd>
          <dt>{t("Transaction UID")}</dt>
          <dd className="mono">{whole.transaction_uid}</dd>
        </dl>
      </DetailSection>
    </>
  );
}
