import { Button, Textarea, TextInput } from "@mantine/core";
import { type QueryKey, useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { t } from "../i18n";
import page from "./page.module.css";
import { ErrorLine } from "./states";

/** A form that stays, with what went wrong, until what it says is saved. */
export function SavingForm<Saved>({
  label,
  action = t("Save"),
  ready = true,
  save,
  changes,
  onSaved,
  onClose,
  children,
}: {
  label: string;
  /** What the button says: the verb of what happens. */
  action?: string;
  /** Whether all that is asked for has been told. */
  ready?: boolean;
  save: () => Promise<Saved>;
  /** What is read again afterwards. */
  changes: QueryKey[];
  onSaved?: (saved: Saved) => void;
  onClose: () => void;
  children: ReactNode;
}) {
  const client = useQueryClient();
  const saving = useMutation({
    mutationFn: save,
    onSuccess: async (saved) => {
      await Promise.all(changes.map((queryKey) => client.invalidateQueries({ queryKey })));
      onClose();
      onSaved?.(saved);
    },
  });
  return (
    <form
      className={page.form}
      aria-label={label}
      onSubmit={(event) => {
        event.preventDefault();
        if (ready) saving.mutate();
      }}
    >
      {children}
      <ErrorLine error={saving.error} />
      <div className={page.formEnd}>
        <Button variant="default" onClick={onClose}>
          {t("Cancel")}
        </Button>
        <Button type="submit" disabled={!ready} loading={saving.isPending}>
          {action}
        </Button>
      </div>
    </form>
  );
}

interface Words {
  value: string;
  onChange: (value: string) => void;
}

/** What people call a thing. */
export function NameInput({ value, onChange }: Words) {
  return (
    <TextInput
      label={t("Name")}
      data-autofocus
      required
      maxLength={200}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}

/** What else they say of it. */
export function DescriptionInput({
  value,
  onChange,
  about,
  required = false,
}: Words & { about?: string; required?: boolean }) {
  return (
    <Textarea
      label={t("Description")}
      description={about}
      required={required}
      autosize
      minRows={2}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}
