import { decimal, keysOf, said, shownLanguage } from ".";

/**
 * What the servers say is in English, and tells of it in sentences: those of `server.json`, which a
 * catalogue has under `server: `, are said in the language of the page, all others as they came. A
 * placeholder stands for whatever is there, also for another sentence of the list.
 */
export function serverText(text: string): string {
  if (shownLanguage() === "en" || text === "") return text;
  const whole = said(CONTEXT, text);
  if (whole !== text) return whole;
  for (const { template, pattern, names } of patterns()) {
    const found = pattern.exec(text);
    if (!found) continue;
    const values = new Map(names.map((name, at) => [name, valueText(found[at + 1] ?? "")]));
    return said(CONTEXT, template).replace(
      PLACE,
      (place, name: string) => values.get(name) ?? place,
    );
  }
  return text;
}

const CONTEXT = "server";
const PLACE = /\{(\w+)\}/g;

interface Pattern {
  template: string;
  pattern: RegExp;
  names: string[];
}
let made: Pattern[] | null = null;

/** Those with most words of their own first: another one may fit, too. */
function patterns(): Pattern[] {
  made ??= keysOf(CONTEXT)
    .filter((template) => template.includes("{"))
    .toSorted((a, b) => b.replace(PLACE, "").length - a.replace(PLACE, "").length)
    .map((template) => ({
      template,
      names: [...template.matchAll(PLACE)].map(([, name]) => name ?? ""),
      pattern: new RegExp(
        `^${template
          .split(/\{\w+\}/)
          .map(escaped)
          .join("(.*?)")}$`,
        "s",
      ),
    }));
  return made;
}

const escaped = (words: string): string => words.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** A number with the point of the language; a word or a sentence in the language. */
const valueText = (value: string): string =>
  /^-?\d+(\.\d+)?(\D|$)/.test(value) ? decimal(value) : serverText(value);
