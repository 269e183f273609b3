import { Button } from "@mantine/core";

import { logout } from "../../api/endpoints";
import { t } from "../../i18n";
import { Mark } from "../shell/Mark";
import PasswordForm from "./PasswordForm";
import css from "./session.module.css";

/** Whoever has to set a new password sees this, and nothing else, until it is done. */
export default function NewPasswordPage({ username }: { username: string }) {
  return (
    <main className={css.page}>
      <div className={css.card}>
        <header className={css.brand}>
          <Mark size={28} />
          <h1>{t("Set a new password")}</h1>
        </header>
        <p className="dim">
          {t("An administrator asks {username} to set a new password before anything else.", {
            username,
          })}
        </p>
        <PasswordForm username={username} />
        <Button
          variant="subtle"
          fullWidth
          mt="md"
          onClick={() => void logout().catch(() => undefined)}
        >
          {t("Log out")}
        </Button>
      </div>
    </main>
  );
}
