import { Button, PasswordInput, TextInput } from "@mantine/core";
import { zodResolver } from "@hookform/resolvers/zod";
import { useMutation } from "@tanstack/react-query";
import { useForm } from "react-hook-form";
import { z } from "zod/mini";

import { createFirstUser, login } from "../../api/endpoints";
import { t } from "../../i18n";
import { ErrorLine } from "../../shared/states";
import css from "./session.module.css";

const named = (what: string) =>
  z.string().check(z.trim(), z.minLength(1, t("{what} is needed", { what })));
const schema = z
  .object({
    username: named(t("A user name")),
    first_name: named(t("The first name")),
    last_name: named(t("The last name")),
    email: z.string().check(z.trim(), z.email(t("This is not an e-mail address"))),
    password: z.string().check(z.minLength(12, t("At least 12 characters"))),
    repeated: z.string(),
  })
  .check(
    z.refine((form) => form.password === form.repeated, {
      path: ["repeated"],
      error: t("The passwords differ"),
    }),
  );
type Form = z.infer<typeof schema>;

export default function FirstUserForm({ onDone }: { onDone: () => void }) {
  const { register, handleSubmit, formState } = useForm<Form>({ resolver: zodResolver(schema) });
  const create = useMutation({
    mutationFn: async (form: Form) => {
      const { username, first_name, last_name, email, password } = form;
      await createFirstUser({ username, first_name, last_name, email, password });
      await login(username, password);
    },
    onSuccess: onDone,
  });
  const field = (name: keyof Form) => ({
    ...register(name),
    error: formState.errors[name]?.message,
  });
  return (
    <form className={css.form} onSubmit={handleSubmit((form) => create.mutate(form))} noValidate>
      <p className="dim">
        {t("No user exists yet. The first one is an administrator, who can create the others.")}
      </p>
      <TextInput label={t("User name")} autoComplete="username" autoFocus {...field("username")} />
      <div className={css.pair}>
        <TextInput label={t("First name")} autoComplete="given-name" {...field("first_name")} />
        <TextInput label={t("Last name")} autoComplete="family-name" {...field("last_name")} />
      </div>
      <TextInput label={t("E-mail")} type="email" autoComplete="email" {...field("email")} />
      <PasswordInput
        label={t("Password")}
        description={t("At least 12 characters")}
        autoComplete="new-password"
        {...field("password")}
      />
      <PasswordInput
        label={t("Repeat the password")}
        autoComplete="new-password"
        {...field("repeated")}
      />
      <ErrorLine error={create.error} />
      <Button type="submit" loading={create.isPending} fullWidth>
        {t("Create the first user")}
      </Button>
    </form>
  );
}
