import { Button, Checkbox, Modal, Select } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import type { SeriesOfStudy, Study } from "../../api/archive";
import { imageKeys, imageQueries } from "../../api/imageQueries";
import { type Priority, sendSeries } from "../../api/images";
import { plural, t } from "../../i18n";
import { dicomName } from "../../shared/dicomText";
import page from "../../shared/page.module.css";
import { ErrorLine } from "../../shared/states";
import { takesImages } from "../queue/sending";

const PRIORITIES: { value: Priority; label: string }[] = [
  { value: "urgent", label: t("Urgent: before all others") },
  { value: "normal", label: t("Normal") },
  { value: "offpeak", label: t("Off-peak: when there is time") },
];

interface Props {
  study: Study;
  /** None: all of the study. */
  series: SeriesOfStudy[];
  onClose: () => void;
}

/** Send a study, or series of it, to a target by hand. */
export default function SendModal({ study, series, onClose }: Props) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const known = useQuery(imageQueries.targets).data;
  const targets = known?.filter(takesImages);
  const [target, setTarget] = useState<string | null>(null);
  const [priority, setPriority] = useState<Priority>("normal");
  const [again, setAgain] = useState(false);
  const send = useMutation({
    mutationFn: (name: string) =>
      sendSeries({
        study_instance_uid: study.uid,
        series_instance_uids: series.map(({ series_instance_uid }) => series_instance_uid),
        target: name,
        priority,
        again,
      }),
    onSuccess: async (queued) => {
      onClose();
      await client.invalidateQueries({ queryKey: imageKeys.dispatches });
      const [only] = queued;
      await navigate({
        to: "/queue",
        search: {
          view: "all",
          target: only?.target,
          id: queued.length === 1 ? only?.id : undefined,
        },
      });
    },
  });
  const what =
    series.length === 0
      ? plural(study.series, "its one series", "all {n} series")
      : series.map(({ series_description }) => series_description || t("one series")).join(", ");
  return (
    <Modal
      opened
      onClose={onClose}
      title={series.length === 0 ? t("Send the study") : t("Send the series")}
    >
      <form
        className={page.form}
        aria-label={t("Send to a target")}
        onSubmit={(event) => {
          event.preventDefault();
          if (target) send.mutate(target);
        }}
      >
        <p>
          {dicomName(study.patientName) || study.patientId || t("No name")}: {what}.
        </p>
        <Select
          label={t("Target")}
          data-autofocus
          placeholder={targets?.length === 0 ? t("There is no target to send to") : t("Choose one")}
          searchable
          value={target}
          onChange={setTarget}
          data={(targets ?? []).map(({ name }) => name)}
        />
        <Select
          label={t("Priority")}
          allowDeselect={false}
          value={priority}
          onChange={(next) => setPriority((next ?? "normal") as Priority)}
          data={PRIORITIES}
        />
        <Checkbox
          label={t("Also what is there already")}
          checked={again}
          onChange={(event) => setAgain(event.currentTarget.checked)}
        />
        <ErrorLine error={send.error} />
        <div className={page.formEnd}>
          <Button variant="default" onClick={onClose}>
            {t("Cancel")}
          </Button>
          <Button type="submit" disabled={!target} loading={send.isPending}>
            {t("Send")}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
