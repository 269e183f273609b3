import { Button, Modal, Textarea } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { holdStudy } from "../../api/upkeep";
import { upkeepKeys } from "../../api/upkeepQueries";
import { t } from "../../i18n";
import page from "../../shared/page.module.css";
import { ErrorLine } from "../../shared/states";

/** Keep a study whatever the settings say. */
export default function HoldModal({ uid, onClose }: { uid: string; onClose: () => void }) {
  const client = useQueryClient();
  const [reason, setReason] = useState("");
  const hold = useMutation({
    mutationFn: () => holdStudy(uid, reason.trim()),
    onSuccess: async () => {
      onClose();
      await client.invalidateQueries({ queryKey: upkeepKeys.holds });
      await client.invalidateQueries({ queryKey: upkeepKeys.cleaner });
    },
  });
  return (
    <Modal opened onClose={onClose} title={t("Hold the study")}>
      <form
        className={page.form}
        aria-label={t("Hold the study")}
        onSubmit={(event) => {
          event.preventDefault();
          if (reason.trim()) hold.mutate();
        }}
      >
        <p>
          {t("Nothing of it is removed until somebody lifts the hold, however full the disk is.")}
        </p>
        <Textarea
          label={t("Why (everybody reads it)")}
          data-autofocus
          autosize
          minRows={2}
          maxRows={6}
          maxLength={2000}
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
        />
        <ErrorLine error={hold.error} />
        <div className={page.formEnd}>
          <Button variant="default" onClick={onClose}>
            {t("Cancel")}
          </Button>
          <Button type="submit" disabled={!reason.trim()} loading={hold.isPending}>
            {t("Hold it")}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
