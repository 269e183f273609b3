import { CompletionContext } from "@codemirror/autocomplete";
import { EditorState } from "@codemirror/state";
import { expect, test } from "vitest";

import { complete } from "./language";

const KEYWORDS = ["Modality", "SeriesDescription"];

function offered(text: string, explicit = false) {
  const state = EditorState.create({ doc: text });
  const context = new CompletionContext(state, text.length, explicit);
  const found = complete(context, KEYWORDS, ["len", "contains"]);
  return found && { from: found.from, labels: found.options.map(({ label }) => label) };
}

test.each(["tags.Ser", "tags['Ser", "@Ser", "has('Ser", 'tag("Ser'])(
  "behind %s the tags that are kept are offered",
  (text) => {
    expect(offered(text)).toEqual({ from: text.length - 3, labels: KEYWORDS });
  },
);

test("elsewhere helpers come before the functions of the language, each once", () => {
  const labels = offered("con")?.labels ?? [];
  expect(labels.filter((label) => label === "contains")).toHaveLength(1);
  expect(labels).toContain("len");
  expect(labels).not.toContain("Modality");
});

test("behind a blank nothing is offered unless somebody asks", () => {
  expect(offered("tags.Modality == ")).toBeNull();
  expect(offered("tags.Modality == ", true)?.labels).toContain("contains");
});
