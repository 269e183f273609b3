import { Button, Modal, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { t } from "../i18n";
import page from "./page.module.css";
import { ErrorLine } from "./states";

/** Asks before what cannot be undone; says what stays and what goes. */
export default function ConfirmModal({
  title,
  action,
  typed,
  ready = true,
  run,
  onClose,
  children,
}: {
  title: string;
  /** What the button says: the verb of what happens. */
  action: string;
  /** A name that has to be typed first: of what is gone for good. */
  typed?: string;
  /** Whether what is asked for within has been told. */
  ready?: boolean;
  run: () => Promise<unknown>;
  onClose: () => void;
  children: ReactNode;
}) {
  const doing = useMutation({ mutationFn: run, onSuccess: onClose });
  const [text, setText] = useState("");
  const meant = ready && (typed === undefined || text.trim() === typed);
  return (
    <Modal opened onClose={onClose} title={title}>
      <form
        className={page.form}
        aria-label={title}
        onSubmit={(event) => {
          event.preventDefault();
          if (meant) doing.mutate();
        }}
      >
        {children}
        {typed !== undefined && (
          <TextInput
            label={t("Type {typed} to confirm", { typed })}
            data-autofocus
            autoComplete="off"
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
          />
        )}
        <ErrorLine error={doing.error} />
        <div className={page.formEnd}>
          <Button
            variant="default"
            data-autofocus={typed === undefined || undefined}
            onClick={onClose}
          >
            {t("Go back")}
          </Button>
          <Button
            type="submit"
            variant="outline"
            color="red"
            disabled={!meant}
            loading={doing.isPending}
          >
            {action}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
