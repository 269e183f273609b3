import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";

import { renderScreen } from "../testing/render";
import ConfirmModal from "./ConfirmModal";

function ask(typed?: string, run = vi.fn(() => Promise.resolve())) {
  const onClose = vi.fn();
  renderScreen(
    <ConfirmModal title="Delete PACS" action="Delete" typed={typed} run={run} onClose={onClose}>
      <p>It is gone then.</p>
    </ConfirmModal>,
  );
  return { run, onClose, button: screen.getByRole("button", { name: "Delete" }) };
}

test("what is gone for good needs its name to be typed", async () => {
  const { run, onClose, button } = ask("PACS");
  const name = screen.getByLabelText("Type PACS to confirm");
  await userEvent.type(name, "pacs{Enter}");
  expect(button).toBeDisabled();
  expect(run).not.toHaveBeenCalled();
  await userEvent.clear(name);
  await userEvent.type(name, "PACS{Enter}");
  expect(run).toHaveBeenCalledOnce();
  expect(onClose).toHaveBeenCalledOnce();
});

test("what fails stays open and says why", async () => {
  const { onClose, button } = ask(
    undefined,
    vi.fn(() => Promise.reject(new Error("A rule names it."))),
  );
  await userEvent.click(button);
  expect(await screen.findByRole("alert")).toHaveTextContent("A rule names it.");
  expect(onClose).not.toHaveBeenCalled();
});
