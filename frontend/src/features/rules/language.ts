import type { CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import { HighlightStyle, StreamLanguage } from "@codemirror/language";
import { tags as highlight } from "@lezer/highlight";

import { t } from "../../i18n";

/** The language of rules for the editor: colours, and what may stand where. */

const WORDS = new Set(["and", "or", "not", "in", "is", t("True"), t("False"), t("None")]);

export const ruleLanguage = StreamLanguage.define<null>({
  name: "rule",
  token(stream) {
    if (stream.eatSpace()) return null;
    if (stream.match(/^@[^@]*@/)) return "propertyName";
    if (stream.match(/^(['"])(?:\\.|(?!\1).)*\1/)) return "string";
    if (stream.match(/^['"].*/)) return "invalid";
    if (stream.match(/^\d+(\.\d*)?(e[+-]?\d+)?/i)) return "number";
    if (stream.match(/^tags\b/)) return "variableName";
    if (stream.match(/^\.[A-Za-z]\w*/)) return "propertyName";
    const word = stream.match(/^[A-Za-z]\w*/);
    if (word) {
      const text = typeof word === "boolean" ? "" : word[0];
      if (WORDS.has(text)) return "keyword";
      return stream.match(/^\s*\(/, false) ? "function" : "variableName";
    }
    stream.next();
    return "operator";
  },
  tokenTable: { function: highlight.function(highlight.variableName) },
});

export const ruleColours = HighlightStyle.define([
  { tag: highlight.keyword, color: "var(--accent)", fontWeight: "600" },
  { tag: highlight.string, color: "var(--status-done)" },
  { tag: highlight.number, color: "var(--status-warn)" },
  { tag: highlight.propertyName, color: "var(--status-running)" },
  { tag: highlight.function(highlight.variableName), color: "var(--status-stopped)" },
  { tag: highlight.invalid, color: "var(--status-fault)" },
]);

export interface Helper {
  name: string;
  use: string;
  about: string;
}

/** Ours, which take whatever comes; see docs/rules.md. */
export const HELPERS: Helper[] = [
  {
    name: "contains",
    use: "contains(tags.SeriesDescription, 't2', 'flair')",
    about: t("one of them is part of it, in any case"),
  },
  {
    name: "same",
    use: "same(tags.Modality, 'mr', 'pt')",
    about: t("it is one of them, in any case"),
  },
  { name: "has", use: "has('ContrastBolusAgent')", about: t("all of these tags have a value") },
  {
    name: "number",
    use: "number(tags.SliceThickness) <= 1",
    about: t("the first value as a number"),
  },
  { name: "numbers", use: "numbers(tags.PixelSpacing)", about: t("each value as a number") },
  {
    name: "values",
    use: "'DERIVED' in values(tags.ImageType)",
    about: t("each value as a text"),
  },
  {
    name: "date",
    use: "date(tags.StudyDate) > date('2026-01-31')",
    about: t("a date; a difference is in days"),
  },
  {
    name: "age",
    use: "age(tags.PatientBirthDate, tags.StudyDate) < 18",
    about: t("whole years between two dates"),
  },
  { name: "years", use: "years(tags.PatientAge) < 18", about: t("018M as 1.5") },
  {
    name: "tag",
    use: "tag('StationName', 'unknown')",
    about: t("the tag, or something else where it is empty"),
  },
];

/** Tags behind `tags.`, between `@` and in quotes behind `has(`; else helpers and words. */
export function complete(
  context: CompletionContext,
  keywords: string[],
  functions: string[],
): CompletionResult | null {
  const tag = context.matchBefore(/(?:tags\.|tags\[['"]|@|\b(?:has|tag)\(['"])\w*$/);
  if (tag) {
    const typed = /\w*$/.exec(tag.text)?.[0] ?? "";
    return {
      from: context.pos - typed.length,
      options: keywords.map((label) => ({ label, type: "property" })),
      validFor: /^\w*$/,
    };
  }
  const word = context.matchBefore(/[A-Za-z]\w*$/);
  if (!word && !context.explicit) return null;
  const known = new Set(HELPERS.map(({ name }) => name));
  return {
    from: word?.from ?? context.pos,
    options: [
      { label: t("tags."), type: "variable", detail: t("a tag of the images"), boost: 3 },
      ...HELPERS.map(({ name, about, use }) => ({
        label: name,
        type: "function",
        apply: `${name}(`,
        detail: about,
        info: use,
        boost: 2,
      })),
      ...["and", "or", "not", "in", t("True"), t("False")].map((label) => ({
        label,
        type: "keyword",
        boost: 1,
      })),
      ...functions
        .filter((name) => !known.has(name))
        .map((label) => ({ label, type: "function", boost: -1 })),
    ],
    validFor: /^\w*$/,
  };
}
