import { Button, TextInput } from "@mantine/core";
import { useState } from "react";

import type { Task } from "../../api/types";
import { t } from "../../i18n";
import { ErrorLine } from "../../shared/states";
import css from "./queue.module.css";
import { storedReason, usualReasons } from "./repeatReasons";

/** A repeat costs the patient time: why is kept with the new task. */
export function RepeatForm({
  task,
  onRepeat,
  onClose,
}: {
  task: Task;
  onRepeat: (reason: string) => Promise<unknown>;
  onClose: () => void;
}) {
  const [reason, setReason] = useState("");
  const [asked, setAsked] = useState(false);
  const [failed, setFailed] = useState<unknown>(null);
  const missing = reason.trim() === "";
  const submit = () => {
    setAsked(true);
    if (missing) return;
    onRepeat(storedReason(reason)).then(onClose, setFailed);
  };
  return (
    <form
      className={css.repeat}
      aria-label={t("Repeat {task}", { task: task.name })}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <TextInput
        label={t("Why is {task} repeated?", { task: task.name })}
        autoFocus
        maxLength={200}
        list={`usual-${task.id}`}
        value={reason}
        error={asked && missing && t("A reason is needed")}
        onChange={(event) => setReason(event.currentTarget.value)}
        onKeyDown={(event) => event.key === "Escape" && onClose()}
      />
      <datalist id={`usual-${task.id}`}>
        {usualReasons().map((words) => (
          <option key={words}>{words}</option>
        ))}
      </datalist>
      <ErrorLine error={failed} />
      <div className={css.repeatEnd}>
        <Button size="xs" variant="default" onClick={onClose}>
          {t("Cancel")}
        </Button>
        <Button size="xs" type="submit">
          {t("Plan the repeat")}
        </Button>
      </div>
    </form>
  );
}
