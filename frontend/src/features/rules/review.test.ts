import { expect, test } from "vitest";

import { hoursOf, NO_REVIEW_YET, reviewWords, secondsOf } from "./review";

test("a deadline is typed in hours and sent in seconds", () => {
  expect(hoursOf(5400)).toBe("1.5");
  expect(secondsOf("1,5")).toBe(5400);
  expect(secondsOf(" ")).toBeNull();
  expect(["0", "-1", "soon", "9000"].map(secondsOf)).toEqual(Array(4).fill(undefined));
});

test("who decides, until when, and what then", () => {
  expect(reviewWords(NO_REVIEW_YET)).toBe("by medical");
  expect(reviewWords({ ...NO_REVIEW_YET, deadline_s: 7200 })).toBe(
    "by medical, within 2\u202fh; else send nothing",
  );
});
