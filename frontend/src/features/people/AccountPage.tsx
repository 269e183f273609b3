import { useMantineColorScheme } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { peopleQueries } from "../../api/people";
import { sessionStore } from "../../api/session";
import { t } from "../../i18n";
import page from "../../shared/page.module.css";
import { useStore } from "../../shared/store";
import { LanguageChoice } from "../session/LanguageChoice";
import PasswordForm from "../session/PasswordForm";
import { Logins } from "./Logins";
import { ROLES } from "./people";
import css from "./people.module.css";

const SCHEMES = { dark: t("Dark"), light: t("Light"), auto: t("As the system") } as const;
type Scheme = keyof typeof SCHEMES;

/** What is one's own: the password, the logins, how it looks. */
export function AccountPage() {
  const { user } = useStore(sessionStore);
  const logins = useQuery(peopleQueries.ownLogins);
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const [changed, setChanged] = useState(0);
  if (!user) return null;
  return (
    <div className={page.page}>
      <header className={page.head}>
        <h1>{t("Your account")}</h1>
      </header>
      <div className={css.account}>
        <section aria-labelledby="account-who">
          <h2 id="account-who">{t("Who you are")}</h2>
          <dl className={page.facts}>
            <dt>{t("User name")}</dt>
            <dd>{user.username}</dd>
            <dt>{t("Name")}</dt>
            <dd>
              {user.first_name} {user.last_name}
            </dd>
            <dt>{t("E-mail")}</dt>
            <dd>{user.email ?? <span className="dim">{t("not told")}</span>}</dd>
            <dt>{t("Role")}</dt>
            <dd>
              {ROLES[user.role].word}
              <span className="dim"> · {ROLES[user.role].about}</span>
            </dd>
          </dl>
          <p className="dim">{t("An administrator changes these.")}</p>
          <h2>{t("How it looks")}</h2>
          <div className={`${page.choice} ${css.narrow}`} role="group" aria-label={t("Theme")}>
            {(Object.keys(SCHEMES) as Scheme[]).map((scheme) => (
              <button
                key={scheme}
                type="button"
                aria-pressed={colorScheme === scheme}
                onClick={() => setColorScheme(scheme)}
              >
                {SCHEMES[scheme]}
              </button>
            ))}
          </div>
          <LanguageChoice />
          <p className="dim">
            {t(
              "Kept in this browser. A control room is easier on the eyes in the dark; images are on black in both.",
            )}
          </p>
        </section>
        <section aria-labelledby="account-logins">
          <h2 id="account-logins">{t("Where you are logged in")}</h2>
          <Logins logins={logins} endAllOf={null} />
          <h2>{t("Change the password")}</h2>
          <div className={css.narrow}>
            <PasswordForm
              key={changed}
              username={user.username}
              onDone={() => setChanged((times) => times + 1)}
            />
          </div>
          {changed > 0 && (
            <p role="status">{t("The password is changed. All other logins have ended.")}</p>
          )}
        </section>
      </div>
    </div>
  );
}
