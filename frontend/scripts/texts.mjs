// The texts of the interface and their catalogues: `npm run texts` finds a text that a language
// lacks, one that nothing says any more, a placeholder that got lost, and a literal that no
// catalogue knows. `npm run texts -- --write` adds what is missing to the catalogues, empty, and
// takes out what is over: then only the translating is left.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { literalsIn, saidIn } from "./literals.mjs";

const SRC = fileURLToPath(new URL("../src/", import.meta.url));
const TEXTS = fileURLToPath(new URL("../public/texts/", import.meta.url));
const LANGUAGES = readdirSync(TEXTS).map((file) => file.replace(".js", ""));
const HEAD = "window.scanhubTexts = ";
const NOT_LOOKED_AT = /\.test\.tsx?$|\.d\.ts$|^testing\/|^test-setup|^routeTree|^i18n\//;

const catalogueFile = (language) => `${TEXTS}${language}.js`;
const read = (language) =>
  JSON.parse(readFileSync(catalogueFile(language), "utf8").slice(HEAD.length, -";\n".length));
const named = (text) => (text.match(/\{\w+\}|<\/?\w+>/g) ?? []).toSorted().join(" ");
const once = (text) => [...new Set(named(text).split(" "))].join(" ");

const files = readdirSync(SRC, { recursive: true })
  .map((file) => file.replaceAll("\\", "/"))
  .filter((file) => /\.tsx?$/.test(file) && !NOT_LOOKED_AT.test(file))
  .toSorted();

const said = new Map();
const problems = [];
for (const file of files) {
  const source = readFileSync(SRC + file, "utf8");
  for (const { key, forms, line, problem } of saidIn(file, source)) {
    if (problem) problems.push(`src/${file}:${line}: ${problem}`);
    else if (said.has(key) && said.get(key).forms !== forms)
      problems.push(`src/${file}:${line}: "${key}" is said with t() and with plural()`);
    else said.set(key, { forms, at: `src/${file}:${line}` });
  }
  for (const { text, line } of literalsIn(file, source))
    problems.push(`src/${file}:${line}: "${text}" is not in t()`);
}

// What the servers say: the list is the English catalogue of it.
for (const text of JSON.parse(readFileSync(`${SRC}i18n/server.json`, "utf8")))
  said.set(`server: ${text}`, { forms: false, at: "src/i18n/server.json" });

/** What is wrong with one translation; nothing is null. */
function lacking(key, forms, translation, language) {
  if (translation === undefined) return "is missing";
  if (!forms)
    return typeof translation === "string" && translation.trim() !== ""
      ? named(translation) === named(key)
        ? null
        : `has other placeholders: ${translation}`
      : "is not translated";
  const needed = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
  const missing = needed.filter((form) => !translation[form]);
  if (missing.length > 0) return `has no form ${missing.join(", ")}`;
  // "One image" may leave out its number; nothing else may go.
  const other = Object.values(translation).find(
    (text) => once(text).replace("{n}", "").trim() !== once(key).replace("{n}", "").trim(),
  );
  return other ? `has other placeholders: ${other}` : null;
}

function complete(language) {
  const old = read(language);
  const forms = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
  const empty = (plural) => (plural ? Object.fromEntries(forms.map((form) => [form, ""])) : "");
  const keys = [...said.keys()].toSorted((a, b) => (a < b ? -1 : 1));
  const texts = Object.fromEntries(
    keys.map((key) => [key, old[key] ?? empty(said.get(key).forms)]),
  );
  writeFileSync(catalogueFile(language), `${HEAD}${JSON.stringify(texts, null, 2)};\n`);
}

for (const language of LANGUAGES) {
  if (process.argv.includes("--write")) complete(language);
  const texts = read(language);
  for (const [key, { forms, at }] of said) {
    const wrong = lacking(key, forms, texts[key], language);
    if (wrong) problems.push(`${at}: "${key}" ${wrong} in ${language}.js`);
  }
  for (const key of Object.keys(texts))
    if (!said.has(key))
      problems.push(`public/texts/${language}.js: nothing says "${key}" any more`);
}

for (const problem of problems) console.log(problem);
console.log(`${said.size} texts in ${files.length} files, ${problems.length} problems`);
if (problems.length > 0) {
  console.log(
    "`npm run texts -- --write` brings the catalogues up to date; CONTRIBUTING.md says how.",
  );
  process.exitCode = 1;
}
