import { shownLanguage, t } from "../../i18n";
import { chooseLanguage, type Language, LANGUAGES } from "../../i18n/language";
import css from "./session.module.css";

/** Each language by its own name, so that whoever needs it can read it. */
export function LanguageChoice() {
  const shown = shownLanguage();
  return (
    <div className={css.languages} role="group" aria-label={t("Language")}>
      {(Object.keys(LANGUAGES) as Language[]).map((language) => (
        <button
          key={language}
          type="button"
          lang={language}
          aria-pressed={language === shown}
          onClick={() => language !== shown && chooseLanguage(language)}
        >
          {LANGUAGES[language]}
        </button>
      ))}
    </div>
  );
}
