/**
 * The texts of the interface. The code says them in English, and that is their key: `t("Log in")`.
 * English needs no catalogue; another language is a file of public/texts, which the page reads before
 * the first text is said. Choosing another language therefore loads the page anew.
 */

import { type Language, LANGUAGES } from "./language";

/** What stands for `{name}` in a text; what is absent leaves nothing, as in JSX. */
export type Value = string | number | false | null | undefined;

/** The placeholders of a text; braces around anything else than a name are braces. */
export type NamesIn<Text> = Text extends `${string}{${infer Name}}${infer Rest}`
  ? (Name extends `${string}${" " | '"' | "{"}${string}` ? never : Name) | NamesIn<Rest>
  : never;

/** The values that the placeholders of a text ask for, and no others. */
export type ValuesOf<Text, Each, Given extends string = never> = [
  Exclude<NamesIn<Text>, Given>,
] extends [never]
  ? []
  : [values: Record<Exclude<NamesIn<Text>, Given>, Each>];

/** The forms of a text by the plural rules of its language: `{"one": …, "other": …}`. */
type Forms = Partial<Record<Intl.LDMLPluralRule, string>>;
export type Catalogue = Record<string, string | Forms>;

declare global {
  interface Window {
    /** Of public/texts, where the page is not in English. */
    scanhubTexts?: Catalogue;
  }
}

let catalogue: Catalogue;
let language: Language;
let plurals: Intl.PluralRules;
let point: string;

/** What the page is in. */
export const shownLanguage = (): Language => language;

/** For dates and numbers. British English: its days are written as the rest of the world's. */
export const currentLocale = (): string => (language === "en" ? "en-GB" : language);

export function setLanguage(next: Language, texts: Catalogue): void {
  language = next;
  catalogue = texts;
  plurals = new Intl.PluralRules(next);
  point = (1.5).toLocaleString(next).charAt(1);
  document.documentElement.lang = next;
}

const isLanguage = (text: string): text is Language => Object.hasOwn(LANGUAGES, text);
const asked = document.documentElement.lang;
// A catalogue that did not come, as amid an update, is no reason to show nothing.
setLanguage(window.scanhubTexts && isLanguage(asked) ? asked : "en", window.scanhubTexts ?? {});

/*#__NO_SIDE_EFFECTS__*/
export function t<const Text extends string>(text: Text, ...values: ValuesOf<Text, Value>): string {
  return fill(translated(text), values[0]);
}

/** The same for a word that other languages have several of: `said("a state", "Open")`. */
/*#__NO_SIDE_EFFECTS__*/
export function said(context: string, text: string): string {
  const found = catalogue[`${context}: ${text}`];
  return typeof found === "string" ? found : text;
}

/** The texts that the catalogue has in a context, as `said` asks for them. */
export const keysOf = (context: string): string[] =>
  Object.keys(catalogue)
    .filter((key) => key.startsWith(`${context}: `))
    .map((key) => key.slice(context.length + 2));

/** `plural(3, "{n} image", "{n} images")` is `3 images`. */
/*#__NO_SIDE_EFFECTS__*/
export function plural<const One extends string, const Many extends string>(
  n: number,
  one: One,
  many: Many,
  ...values: ValuesOf<`${One}${Many}`, Value, "n">
): string {
  const found = catalogue[many];
  const forms = typeof found === "object" ? found : { one, other: many };
  const form = forms[plurals.select(n)] ?? forms.other ?? many;
  return fill(form, { ...(values[0] as Record<string, Value> | undefined), n });
}

/** The text of the catalogue, its placeholders still in it. */
export function translated(text: string): string {
  const found = catalogue[text];
  return typeof found === "string" ? found : text;
}

function fill(text: string, values: Record<string, Value> | undefined): string {
  if (!values) return text;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    if (!(name in values)) return whole;
    const value = values[name];
    return value === false || value === null || value === undefined ? "" : String(value);
  });
}

/** A number as the language writes it: with a comma in German. What was rounded stays so. */
export const decimal = (value: number | string): string => String(value).replace(".", point);

/** A word amid a sentence; where nouns have capitals, as in German, it stays as it is. */
export const inSentence = (word: string): string => (language === "en" ? word.toLowerCase() : word);
