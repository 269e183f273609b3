import { expect, test } from "vitest";

import { plainReason } from "../../shared/format";
import { caseReason, isOpen, mayBeDiscarded, ruleWords, subjectWords } from "./looks";

test("a wish that waits is told before the reason of the state", () => {
  const shown = {
    reason: "A series still arrives.",
    wish: "complete" as const,
    wished_by: "user:ada",
  };
  expect(caseReason(shown, plainReason)).toBe(
    "Completed as soon as nothing arrives any more, asked for by ada. A series still arrives.",
  );
  expect(caseReason({ ...shown, wish: null }, plainReason)).toBe("A series still arrives.");
});

test("a case is called by what it is about", () => {
  const names = { study_description: "Head", series_descriptions: ["T1", "T2"] };
  expect(subjectWords({ ...names, kind: "study" })).toBe("Head");
  expect(subjectWords({ ...names, kind: "series" })).toBe("T1");
  expect(
    subjectWords({ kind: "study", study_description: "", series_descriptions: ["", ""] }),
  ).toBe("Study of 2 series");
  expect(ruleWords({ rule: "pacs", number: 2 })).toBe("pacs, follow-up 2");
  expect(ruleWords({ rule: null, number: 1 })).toBe("no rule");
});

test("only what waits or has failed can be discarded", () => {
  const may = (["receiving", "waiting", "complete", "dispatching", "done", "failed"] as const).map(
    (state) => [isOpen({ state }), mayBeDiscarded({ state })],
  );
  expect(may).toEqual([
    [true, true],
    [true, true],
    [false, false],
    [false, false],
    [false, false],
    [false, true],
  ]);
});
