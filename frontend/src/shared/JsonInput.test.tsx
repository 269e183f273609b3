import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { expect, test } from "vitest";

import { renderScreen } from "../testing/render";
import { JsonInput } from "./JsonInput";
import type { JsonObject } from "./schema/schema";

function Form() {
  const [value, setValue] = useState<JsonObject>({ kernel: 3 });
  const [problem, setProblem] = useState<string | null>(null);
  return (
    <>
      <JsonInput label="Settings" value={value} onChange={setValue} onProblem={setProblem} />
      <output aria-label="value">{JSON.stringify(value)}</output>
      <output aria-label="problem">{problem}</output>
      <button type="button" onClick={() => setValue({ theirs: 1 })}>
        Theirs
      </button>
    </>
  );
}

test("what is typed stays as typed, is told while it cannot be read, and gives way to another document", async () => {
  renderScreen(<Form />);
  const input = screen.getByLabelText("Settings");
  await userEvent.clear(input);
  expect(screen.getByLabelText("value")).toHaveTextContent("{}");
  await userEvent.type(input, '{{"level":');
  expect(screen.getByLabelText("problem")).not.toBeEmptyDOMElement();
  expect(input).toHaveValue('{"level":');
  await userEvent.type(input, "2}");
  expect(screen.getByLabelText("value")).toHaveTextContent('{"level":2}');
  expect(screen.getByLabelText("problem")).toBeEmptyDOMElement();
  await userEvent.click(screen.getByRole("button", { name: "Theirs" }));
  expect(input).toHaveValue('{\n  "theirs": 1\n}');
});
