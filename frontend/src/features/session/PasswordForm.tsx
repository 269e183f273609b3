import { Button, PasswordInput } from "@mantine/core";
import { zodResolver } from "@hookform/resolvers/zod";
import { useMutation } from "@tanstack/react-query";
import { useForm } from "react-hook-form";
import { z } from "zod/mini";

import { changeOwnPassword } from "../../api/endpoints";
import { t } from "../../i18n";
import { ErrorLine } from "../../shared/states";
import css from "./session.module.css";

const schema = z
  .object({
    current: z.string().check(z.minLength(1, t("The password you logged in with is needed"))),
    password: z.string().check(z.minLength(12, t("At least 12 characters"))),
    repeated: z.string(),
  })
  .check(
    z.refine((form) => form.password === form.repeated, {
      path: ["repeated"],
      error: t("The passwords differ"),
    }),
    z.refine((form) => form.password !== form.current, {
      path: ["password"],
      error: t("This is the password you have"),
    }),
  );
type Form = z.infer<typeof schema>;

interface Props {
  username: string;
  onDone?: () => void;
  onCancel?: () => void;
}

/** Sets one's own password. Other logins of the same user end; this tab logs in anew. */
export default function PasswordForm({ username, onDone, onCancel }: Props) {
  const { register, handleSubmit, formState } = useForm<Form>({ resolver: zodResolver(schema) });
  const change = useMutation({
    mutationFn: (form: Form) => changeOwnPassword(username, form.current, form.password),
    onSuccess: onDone,
  });
  const field = (name: keyof Form) => ({
    ...register(name),
    error: formState.errors[name]?.message,
  });
  return (
    <form className={css.form} onSubmit={handleSubmit((form) => change.mutate(form))} noValidate>
      <input type="hidden" name="username" autoComplete="username" value={username} readOnly />
      <PasswordInput
        label={t("Current password")}
        autoComplete="current-password"
        data-autofocus
        autoFocus
        {...field("current")}
      />
      <PasswordInput
        label={t("New password")}
        description={t("At least 12 characters, not a common one, not your name")}
        autoComplete="new-password"
        {...field("password")}
      />
      <PasswordInput
        label={t("Repeat the new password")}
        autoComplete="new-password"
        {...field("repeated")}
      />
      <ErrorLine error={change.error} />
      <Button type="submit" loading={change.isPending} fullWidth>
        {t("Change the password")}
      </Button>
      {onCancel && (
        <Button variant="default" onClick={onCancel} fullWidth>
          {t("Cancel")}
        </Button>
      )}
    </form>
  );
}
