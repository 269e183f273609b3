import { Button, Modal, Textarea } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { abandonAcquisition } from "../../api/endpoints";
import { keys } from "../../api/queries";
import { sessionStore } from "../../api/session";
import { t } from "../../i18n";
import { rich } from "../../i18n/rich";
import page from "../../shared/page.module.css";
import { ErrorLine } from "../../shared/states";

const SHORTEST = 3;

interface Props {
  /** What is given up, as a person calls it. */
  name: string;
  taskId: string;
  acquisitionId: string;
  onClose: () => void;
}

/** Whoever has looked at the scanner ends a scan that nobody answers for any more. */
export default function AbandonModal({ name, taskId, acquisitionId, onClose }: Props) {
  const client = useQueryClient();
  const [reason, setReason] = useState("");
  const [touched, setTouched] = useState(false);
  const missing = reason.trim().length < SHORTEST;
  const giveUp = useMutation({
    mutationFn: () => abandonAcquisition(acquisitionId, reason.trim()),
    onSuccess: onClose,
    onSettled: () => {
      void client.invalidateQueries({ queryKey: keys.acquisition(taskId) });
      void client.invalidateQueries({ queryKey: ["exam"] });
      void client.invalidateQueries({ queryKey: keys.devices });
    },
  });
  const user = sessionStore.get().user?.username;
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("Give up {name}", { name })}
      closeOnClickOutside={false}
    >
      <form
        className={page.form}
        noValidate
        aria-label={t("Give up scan")}
        onSubmit={(event) => {
          event.preventDefault();
          setTouched(true);
          if (!missing) giveUp.mutate();
        }}
      >
        <p>
          {rich(
            "<strong>This does not stop the scanner.</strong> Look at it first, and stop it at its own console if it still scans.",
            { strong: <strong /> },
          )}
        </p>
        <ul className={page.bullets}>
          <li>{t("The scan counts as failed from now on, and can be started again.")}</li>
          <li>{t("The scanner is free for the next scan.")}</li>
          <li>{t("Data that the scanner still has of this scan are not taken any more.")}</li>
        </ul>
        <Textarea
          label={t("What you have seen at the scanner")}
          description={user && t("Kept with the scan, with your name ({user}).", { user })}
          data-autofocus
          autosize
          minRows={2}
          maxLength={1000}
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
          error={touched && missing && t("A reason is needed")}
        />
        <ErrorLine error={giveUp.error} />
        <div className={page.formEnd}>
          <Button variant="default" onClick={onClose}>
            {t("Go on waiting")}
          </Button>
          <Button type="submit" variant="outline" color="red" loading={giveUp.isPending}>
            {t("Give up the scan")}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
