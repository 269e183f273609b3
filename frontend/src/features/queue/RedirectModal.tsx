import { Button, Modal, Select } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { imageKeys, imageQueries } from "../../api/imageQueries";
import { type Dispatch, redirectDispatch } from "../../api/images";
import { t } from "../../i18n";
import page from "../../shared/page.module.css";
import { ErrorLine } from "../../shared/states";
import { takesImages } from "./sending";

/** Send a series to another target instead. */
export default function RedirectModal({
  dispatch,
  onClose,
  onDone,
}: {
  dispatch: Dispatch;
  onClose: () => void;
  onDone: (id: string) => void;
}) {
  const client = useQueryClient();
  const others = useQuery(imageQueries.targets).data?.filter(
    (target) => takesImages(target) && target.name !== dispatch.target,
  );
  const [target, setTarget] = useState<string | null>(null);
  const redirect = useMutation({
    mutationFn: (name: string) => redirectDispatch(dispatch.id, name),
    onSuccess: async ({ id }) => {
      onClose();
      onDone(id);
      await client.invalidateQueries({ queryKey: imageKeys.dispatches });
      await client.invalidateQueries({ queryKey: imageKeys.cases });
    },
  });
  return (
    <Modal opened onClose={onClose} title={t("Change the target")}>
      <form
        className={page.form}
        aria-label={t("Change the target")}
        onSubmit={(event) => {
          event.preventDefault();
          if (target) redirect.mutate(target);
        }}
      >
        <p>
          {t(
            "The series is not sent to {target} any more, but to the target that you choose. What is at {target} already stays there.",
            { target: dispatch.target },
          )}
        </p>
        <Select
          label={t("New target")}
          data-autofocus
          placeholder={others?.length === 0 ? t("There is no other target") : t("Choose one")}
          searchable
          value={target}
          onChange={setTarget}
          data={(others ?? []).map(({ name }) => name)}
        />
        <ErrorLine error={redirect.error} />
        <div className={page.formEnd}>
          <Button variant="default" onClick={onClose}>
            {t("Cancel")}
          </Button>
          <Button type="submit" disabled={!target} loading={redirect.isPending}>
            {t("Change the target")}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
