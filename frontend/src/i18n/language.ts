/** The languages there are, each by its own name. */
export const LANGUAGES = { en: "English", de: "Deutsch" } as const;
export type Language = keyof typeof LANGUAGES;

const KEY = "scanhub-language";

/** Kept in this browser; public/language-boot.js reads it when the page is loaded. */
export function chooseLanguage(language: Language): void {
  try {
    localStorage.setItem(KEY, language);
  } catch {
    // Storage may be forbidden; then the browser's own language stays.
    return;
  }
  window.location.reload();
}
