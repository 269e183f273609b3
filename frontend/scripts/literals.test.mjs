import { expect, test } from "vitest";

import { literalsIn, saidIn } from "./literals.mjs";

const texts = (source) => literalsIn("features/x.tsx", source).map(({ text }) => text);

test("what a person reads and no catalogue knows is found", () => {
  expect(texts("<p>Nothing yet</p>")).toEqual(["Nothing yet"]);
  expect(texts('<Text label="draft" aria-label={wrong ? "bad" : ""} />')).toEqual(["draft", "bad"]);
  expect(texts("<p>{count} of {all}</p>")).toEqual(["of"]);
  expect(texts("const words = `${name} was added`;")).toEqual(["{} was added"]);
  expect(texts('const LABELS = { open: "On the way" };')).toEqual(["On the way"]);
  expect(texts('throw new Error("The file is too large")')).toEqual(["The file is too large"]);
});

test("what goes through the catalogue, or is for the machine, is not", () => {
  expect(texts('<p>{t("Nothing yet")}</p>')).toEqual([]);
  expect(texts('<p className="a b" data-x="One two" hidden={state === "On the way"} />')).toEqual(
    [],
  );
  expect(texts('import x from "./Some file"; type Y = "On the way";')).toEqual([]);
  expect(texts('document.querySelector("main section")')).toEqual([]);
  expect(texts("<p>{10} mT/m</p>")).toEqual([]);
});

test("each text that is said is found by its key", () => {
  const source =
    't("Log in"); said("several", "Series"); plural(n, "{n} image", "{n} images"); rich("<a>x</a>", y)';
  expect(saidIn("x.ts", source).map(({ key }) => key)).toEqual([
    "Log in",
    "several: Series",
    "{n} images",
    "<a>x</a>",
  ]);
});

test("a text that is not written where it is said cannot be translated", () => {
  expect(saidIn("x.ts", "t(words)")).toMatchObject([
    { problem: expect.stringContaining("literal") },
  ]);
});
