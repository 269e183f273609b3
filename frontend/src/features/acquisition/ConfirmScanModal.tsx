import { Button, Modal, Textarea } from "@mantine/core";
import { useState } from "react";

import { type SafetyConfirmation, type SafetyVerdict, toConfirm } from "../../api/safety";
import { sessionStore } from "../../api/session";
import type { Task } from "../../api/types";
import { t } from "../../i18n";
import { serverText } from "../../i18n/server";
import { rich } from "../../i18n/rich";
import page from "../../shared/page.module.css";
import { Reasons } from "../../shared/states";

const SHORTEST = 3;

interface Props {
  task: Task;
  verdict: SafetyVerdict;
  onClose: () => void;
  onConfirm: (confirmed: SafetyConfirmation) => void;
}

/** A named person answers for a scan that the safety gate does not pass by itself. */
export default function ConfirmScanModal({ task, verdict, onClose, onConfirm }: Props) {
  const [reason, setReason] = useState("");
  const [touched, setTouched] = useState(false);
  const { user } = sessionStore.get();
  const reasons = toConfirm(verdict);
  const firstLevel = reasons.some(({ code }) => code.endsWith("first-level"));
  const missing = reason.trim().length < SHORTEST;
  const title = firstLevel
    ? t("First Level Controlled Operating Mode: {task}", { task: task.name })
    : t("A person has to confirm: {task}", { task: task.name });
  const submit = () => {
    setTouched(true);
    if (missing) return;
    onConfirm({ fingerprint: verdict.fingerprint, reason: reason.trim() });
    onClose();
  };
  return (
    <Modal opened onClose={onClose} title={title} closeOnClickOutside={false}>
      <form
        className={page.form}
        noValidate
        aria-label={t("Confirm scan")}
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <Reasons reasons={reasons.map(({ text }) => serverText(text))} />
        <p>
          {rich(
            "Recorded as confirmed by {which}, for this sequence, this patient and this device only.",
            {
              which: (
                <strong>
                  {user ? `${user.first_name} ${user.last_name} (${user.username})` : t("nobody")}
                </strong>
              ),
            },
          )}
        </p>
        <Textarea
          label={t("Why the scan is needed")}
          data-autofocus
          autosize
          minRows={2}
          maxLength={1000}
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
          error={touched && missing && t("A reason is needed")}
        />
        <div className={page.formEnd}>
          <Button variant="default" onClick={onClose}>
            {t("Cancel")}
          </Button>
          <Button type="submit">{t("Confirm and start")}</Button>
        </div>
      </form>
    </Modal>
  );
}
