import { render, screen } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";

import { decimal, inSentence, plural, said, setLanguage, shownLanguage, t } from ".";
import { rich } from "./rich";

afterEach(() => setLanguage("en", {}));

test("English needs no catalogue", () => {
  expect(t("{name} added", { name: "T1" })).toBe("T1 added");
  expect([1, 3].map((n) => plural(n, "{n} image", "{n} images"))).toEqual(["1 image", "3 images"]);
  expect(said("one", "Series")).toBe("Series");
  expect(decimal(1.5)).toBe("1.5");
  expect(inSentence("Ready")).toBe("ready");
});

test("another language says its own texts, in its own order, by its own rules", () => {
  setLanguage("de", {
    "{name} added": "{name} hinzugefügt",
    "{n} images": { one: "{n} Bild", other: "{n} Bilder" },
    "several: Series": "Serien",
  });
  expect(shownLanguage()).toBe("de");
  expect(document.documentElement.lang).toBe("de");
  expect(t("{name} added", { name: "T1" })).toBe("T1 hinzugefügt");
  expect([1, 3].map((n) => plural(n, "{n} image", "{n} images"))).toEqual(["1 Bild", "3 Bilder"]);
  expect(said("several", "Series")).toBe("Serien");
  expect(decimal("1.50")).toBe("1,50");
  expect(inSentence("Störung")).toBe("Störung");
});

test("what a catalogue lacks is in English, and what has no value leaves nothing", () => {
  setLanguage("de", {});
  expect(t("{done} of {total} tasks done{which}", { done: 1, total: 2, which: undefined })).toBe(
    "1 of 2 tasks done",
  );
  // A value is never read as a text with placeholders of its own.
  expect(t("{name} added", { name: "{name}" })).toBe("{name} added");
  expect(t("JSON, as docker calls them: { }")).toBe("JSON, as docker calls them: { }");
});

test("a sentence with elements in it is translated as a whole", () => {
  setLanguage("de", { "See <a>the log</a> of {name}.": "Von {name} <a>das Log</a> ansehen." });
  render(<p>{rich("See <a>the log</a> of {name}.", { a: <em />, name: <strong>T1</strong> })}</p>);
  expect(screen.getByText(/Von/)).toHaveTextContent("Von T1 das Log ansehen.");
  expect(screen.getByText("das Log").tagName).toBe("EM");
});
