import { Button, PasswordInput, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRouter } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";

import { checkNoUsers, login } from "../../api/endpoints";
import { ApiError } from "../../api/problem";
import { sessionStore } from "../../api/session";
import { t } from "../../i18n";
import { ErrorLine } from "../../shared/states";
import { useStore } from "../../shared/store";
import { Mark } from "../shell/Mark";
import { LanguageChoice } from "./LanguageChoice";
import css from "./session.module.css";

const FirstUserForm = lazy(() => import("./FirstUserForm"));

export function LoginPage({ next }: { next?: string }) {
  const router = useRouter();
  const client = useQueryClient();
  const noUsers = useQuery({ queryKey: ["no-users"], queryFn: checkNoUsers, gcTime: 0 });
  const onDone = (first?: string) => {
    // What the last user had read is not the next one's to see.
    client.clear();
    // Only a path of our own: `next` comes from the address bar.
    const target = first ?? (next?.startsWith("/") && !next.startsWith("//") ? next : "/");
    router.history.push(target);
  };
  return (
    <main className={css.page}>
      <div className={css.card}>
        <header className={css.brand}>
          <Mark size={28} />
          <h1>ScanHub</h1>
        </header>
        {noUsers.data ? (
          <Suspense>
            <FirstUserForm onDone={() => onDone("/welcome")} />
          </Suspense>
        ) : (
          <LoginForm onDone={() => onDone()} />
        )}
        <LanguageChoice />
      </div>
    </main>
  );
}

function LoginForm({ onDone }: { onDone: () => void }) {
  const { endedBecause } = useStore(sessionStore);
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const attempt = useMutation({
    mutationFn: () => login(username.trim(), password),
    onSuccess: onDone,
  });
  const wrong = attempt.error instanceof ApiError && attempt.error.status === 401;
  return (
    <form
      className={css.form}
      onSubmit={(event) => {
        event.preventDefault();
        if (!attempt.isPending) attempt.mutate();
      }}
    >
      {endedBecause && <p role="status">{endedBecause}</p>}
      <TextInput
        label={t("User name")}
        name="username"
        autoComplete="username"
        autoFocus
        required
        withAsterisk={false}
        value={username}
        onChange={(event) => setUsername(event.currentTarget.value)}
      />
      <PasswordInput
        label={t("Password")}
        name="password"
        autoComplete="current-password"
        required
        withAsterisk={false}
        value={password}
        onChange={(event) => setPassword(event.currentTarget.value)}
      />
      {wrong ? (
        <p role="alert" className={css.wrong}>
          {t("User name or password is wrong.")}
        </p>
      ) : (
        <ErrorLine error={attempt.error} />
      )}
      <Button type="submit" loading={attempt.isPending} fullWidth>
        {t("Log in")}
      </Button>
    </form>
  );
}
