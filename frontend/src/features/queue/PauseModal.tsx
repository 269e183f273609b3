import { Button, Modal, Select, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { imageKeys, imageQueries } from "../../api/imageQueries";
import { EVERY_TARGET, pauseSending } from "../../api/images";
import { t } from "../../i18n";
import page from "../../shared/page.module.css";
import { ErrorLine } from "../../shared/states";

const ALL = "";

/** Begin to send nothing more, to one target or to all. */
export default function PauseModal({
  target,
  onClose,
}: {
  /** Which one is proposed. */
  target: string | null;
  onClose: () => void;
}) {
  const client = useQueryClient();
  const targets = useQuery(imageQueries.targets).data ?? [];
  const [chosen, setChosen] = useState(target ?? ALL);
  const [reason, setReason] = useState("");
  const pause = useMutation({
    mutationFn: () => pauseSending(chosen === ALL ? EVERY_TARGET : chosen, reason.trim()),
    onSuccess: async () => {
      onClose();
      await client.invalidateQueries({ queryKey: imageKeys.dispatches });
      await client.invalidateQueries({ queryKey: imageKeys.targets });
    },
  });
  return (
    <Modal opened onClose={onClose} title={t("Pause sending")}>
      <form
        className={page.form}
        aria-label={t("Pause sending")}
        onSubmit={(event) => {
          event.preventDefault();
          pause.mutate();
        }}
      >
        <p>
          {t(
            "What is being sent is sent to its end. All else waits here until somebody goes on, also over a restart. Images are received and kept as before.",
          )}
        </p>
        <Select
          label={t("To")}
          allowDeselect={false}
          value={chosen}
          onChange={(next) => setChosen(next ?? ALL)}
          data={[
            { value: ALL, label: t("All targets") },
            ...targets.map(({ name }) => ({ value: name, label: name })),
          ]}
        />
        <TextInput
          label={t("Why (everybody reads it)")}
          data-autofocus
          maxLength={200}
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
        />
        <ErrorLine error={pause.error} />
        <div className={page.formEnd}>
          <Button variant="default" onClick={onClose}>
            {t("Cancel")}
          </Button>
          <Button type="submit" loading={pause.isPending}>
            {t("Pause")}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
