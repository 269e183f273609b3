import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test, vi } from "vitest";

import { aPatient } from "../../testing/builders";
import { renderScreen } from "../../testing/render";
import PatientModal from "./PatientModal";

function serverThatSaves(status = 200, answer: unknown = aPatient()) {
  const bodies: unknown[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    bodies.push(await request.json());
    return Response.json(answer, { status });
  });
  return bodies;
}

afterEach(() => vi.unstubAllGlobals());

async function fillIn() {
  await userEvent.type(screen.getByLabelText("Last name"), "Lovelace");
  await userEvent.type(screen.getByLabelText("First name"), "Ada");
  await userEvent.type(screen.getByLabelText(/Birth date/), "19751210");
  await userEvent.type(screen.getByLabelText("Weight"), "61.5");
  await userEvent.type(screen.getByLabelText("Height"), "168");
}

test("a patient is registered with numbers and an ISO birth date", async () => {
  const bodies = serverThatSaves();
  const onSaved = vi.fn();
  renderScreen(<PatientModal patient={null} onClose={() => {}} onSaved={onSaved} />);
  await fillIn();
  await userEvent.click(screen.getByRole("button", { name: "Register" }));
  await waitFor(() => expect(onSaved).toHaveBeenCalled());
  expect(bodies[0]).toMatchObject({
    birth_date: "1975-12-10",
    weight: 61.5,
    height: 168,
    status: "NEW",
  });
});

test("without weight nothing is sent and the field says so", async () => {
  const bodies = serverThatSaves();
  renderScreen(<PatientModal patient={null} onClose={() => {}} />);
  await userEvent.click(screen.getByRole("button", { name: "Register" }));
  expect(await screen.findByText("Weight in kg is needed")).toBeVisible();
  expect(bodies).toEqual([]);
});

test("a refusal of the server stays on screen with its words and keeps what was typed", async () => {
  serverThatSaves(422, {
    type: "/problems/unprocessable",
    detail: "Weight 61.5 kg is refused.",
    correlation_id: "c-1",
  });
  renderScreen(<PatientModal patient={null} onClose={() => {}} />);
  await fillIn();
  await userEvent.click(screen.getByRole("button", { name: "Register" }));
  expect(await screen.findByText(/61.5 kg is refused/)).toBeVisible();
  expect(screen.getByLabelText("Last name")).toHaveValue("Lovelace");
});
