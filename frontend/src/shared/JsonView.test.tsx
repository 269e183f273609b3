import { screen, within } from "@testing-library/react";
import { expect, test } from "vitest";

import { renderScreen } from "../testing/render";
import { JsonView } from "./JsonView";

test("values stand beside their names, and objects of the same kind in a table", () => {
  const regions = [
    { name: "left", volume_ml: 3.4 },
    { name: "right", volume_ml: 3.1 },
  ];
  renderScreen(<JsonView value={{ snr: 41.2, passed: true, regions, notes: { by: "ada" } }} />);
  expect(screen.getByText("Snr").nextSibling).toHaveTextContent("41.2");
  expect(screen.getByText("Passed").nextSibling).toHaveTextContent("yes");
  const table = screen.getByRole("table");
  expect(within(table).getAllByRole("row")).toHaveLength(3);
  expect(within(table).getByRole("columnheader", { name: "Volume ml" })).toBeVisible();
  expect(screen.getByText("By").nextSibling).toHaveTextContent("ada");
});

test.each([[[]], [{}], [null], ["text"], [[1, [2, { a: 1 }]]]])("%j is shown, too", (value) => {
  renderScreen(<JsonView value={{ odd: value }} />);
  expect(screen.getByText("Odd").nextSibling).not.toBeEmptyDOMElement();
});
