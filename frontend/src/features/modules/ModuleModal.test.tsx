import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test, vi } from "vitest";

import { moduleKeys } from "../../api/moduleQueries";
import { makeQueryClient } from "../../api/queries";
import { sessionStore } from "../../api/session";
import { aModule, aUser } from "../../testing/builders";
import { renderScreen } from "../../testing/render";
import ModuleModal from "./ModuleModal";

afterEach(() => vi.restoreAllMocks());

const sentBodies = (answers: unknown[]) => {
  const bodies: unknown[] = [];
  vi.spyOn(window, "fetch").mockImplementation(async (request) => {
    const { method } = request as Request;
    if (method === "GET") return Response.json([answers.at(-1)]);
    bodies.push(await (request as Request).json());
    return Response.json(answers[bodies.length - 1]);
  });
  return bodies;
};

const edit = (module = aModule({ environment: ["LICENCE"] }), newest = module) => {
  sessionStore.begin(aUser({ role: "admin" }));
  const client = makeQueryClient();
  client.setQueryData(moduleKeys.modules, [newest]);
  renderScreen(<ModuleModal module={module} onClose={() => {}} />, client);
};

test("a variable is written and the others stay, without anybody seeing one", async () => {
  const bodies = sentBodies([aModule()]);
  edit();
  await userEvent.click(screen.getByRole("button", { name: "Add a variable" }));
  await userEvent.type(screen.getByLabelText("Name of variable 2"), "TOKEN");
  await userEvent.type(screen.getByLabelText("Value of TOKEN"), "secret");
  await userEvent.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() => expect(bodies).toHaveLength(1));
  expect(bodies[0]).toMatchObject({
    name: "smooth",
    entry_point: "smooth.py",
    environment: { LICENCE: null, TOKEN: "secret" },
  });
});

test("settings that are no JSON are told at their field, and nothing is sent", async () => {
  const bodies = sentBodies([]);
  edit();
  const settings = screen.getByLabelText(/^Settings/, { selector: "textarea" });
  await userEvent.clear(settings);
  await userEvent.type(settings, "[[1]");
  expect(screen.getByText(/has to be an object/)).toBeVisible();
  await userEvent.click(screen.getByRole("button", { name: "Save" }));
  expect(screen.getByText("Something is missing or wrong above.")).toBeVisible();
  expect(bodies).toHaveLength(0);
});

test("somebody was faster: both changes are told, and mine go on top", async () => {
  const theirs = aModule({ version: 3, comment: "theirs" });
  const bodies = sentBodies([theirs]);
  edit(aModule(), theirs);
  await userEvent.type(screen.getByLabelText(/^Contact/), "mine");
  expect(screen.getByRole("alert")).toHaveTextContent("theirs");
  expect(screen.getByRole("button", { name: "Save" })).toBeDisabled();
  await userEvent.click(screen.getByRole("button", { name: /Keep my changes/ }));
  await userEvent.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() => expect(bodies).toHaveLength(1));
  expect(bodies[0]).toMatchObject({ contact: "mine", comment: "theirs" });
});
