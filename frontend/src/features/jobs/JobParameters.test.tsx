import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test, vi } from "vitest";

import { jobsQuery } from "../../api/jobs";
import { makeQueryClient } from "../../api/queries";
import { aJob, aJobDefinition } from "../../testing/builders";
import { renderScreen } from "../../testing/render";
import { JobParameters } from "./JobParameters";

afterEach(() => vi.restoreAllMocks());

function shown(task = aJob({ dag_id: "reconstruction" })) {
  const bodies: unknown[] = [];
  vi.spyOn(window, "fetch").mockImplementation(async (request) => {
    bodies.push(await (request as Request).json());
    return Response.json(task);
  });
  const client = makeQueryClient();
  client.setQueryData(jobsQuery.queryKey, [aJobDefinition()]);
  renderScreen(<JobParameters task={task} />, client);
  return bodies;
}

test("a job is told what its schema says, and defaults are not written down", async () => {
  const bodies = shown();
  expect(screen.getByText("With its defaults.")).toBeVisible();
  await userEvent.click(screen.getByRole("button", { name: "Change" }));
  expect(screen.getByLabelText("Memory")).toHaveAttribute("placeholder", "Default: 8");
  expect(screen.getByText(/Volumes are read together/)).toHaveTextContent("more than 0");
  await userEvent.type(screen.getByLabelText("Memory"), "-1");
  expect(screen.getByText(/has to be more than 0/)).toBeVisible();
  expect(screen.getByRole("button", { name: "Save" })).toBeDisabled();
  await userEvent.clear(screen.getByLabelText("Memory"));
  await userEvent.type(screen.getByLabelText("Memory"), "2.5");
  await userEvent.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() => expect(bodies).toHaveLength(1));
  expect(bodies[0]).toMatchObject({ dag_id: "reconstruction", parameter: { memory_gib: 2.5 } });
});

test("a job that this server does not have is told before it fails", () => {
  shown(aJob({ dag_id: "denoise" }));
  expect(screen.getByRole("alert")).toHaveTextContent("no job denoise");
});

test("while it runs nothing is changed", () => {
  shown(aJob({ dag_id: "reconstruction", status: "INPROGRESS" }));
  expect(screen.getByRole("button", { name: "Change" })).toBeDisabled();
});
