import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test, vi } from "vitest";

import { keys, makeQueryClient } from "../../api/queries";
import { sessionStore } from "../../api/session";
import type { Run } from "../../api/types";
import { aJob, aRun, aUser } from "../../testing/builders";
import { renderScreen } from "../../testing/render";
import { Runs } from "./Runs";

afterEach(() => vi.restoreAllMocks());

function shown(...runs: Run[]) {
  const asked: string[] = [];
  vi.spyOn(window, "fetch").mockImplementation(async (request) => {
    const { method, url } = request as Request;
    asked.push(`${method} ${new URL(url).pathname}`);
    return url.endsWith("/log?offset=0")
      ? new Response("reading lines\n", { headers: { "X-Log-Size": "14" } })
      : Response.json(method === "GET" ? runs : runs[0]);
  });
  sessionStore.begin(aUser({ role: "engineer" }));
  const client = makeQueryClient();
  client.setQueryData(keys.runs("job-1"), runs);
  renderScreen(<Runs task={aJob()} />, client);
  return asked;
}

test("a run that was in vain says why, and is done over again", async () => {
  const asked = shown(aRun({ status: "failed", error: "12 lines are missing" }));
  expect(screen.getByText("12 lines are missing")).toBeVisible();
  await userEvent.click(screen.getByRole("button", { name: "Do it over again" }));
  await waitFor(() => expect(asked).toContain("POST /api/v1/workflowmanager/runs/run-1/retry"));
});

test("a run that waits for a person is let begin", async () => {
  const review = {
    state: "waiting",
    role: "engineer",
    due_at: null,
    at_deadline: "reject",
    overdue: false,
    decided_by: null,
    decided_at: null,
    comment: "",
  } as const;
  const asked = shown(aRun({ status: "waiting", review, ended_at: null }));
  expect(screen.getByText(/decide whether the job begins/)).toBeVisible();
  await userEvent.click(screen.getByRole("button", { name: "Approve" }));
  await waitFor(() => expect(asked).toContain("POST /api/v1/workflowmanager/runs/run-1/review"));
});

test("a run opens and shows what it was told and what it said", async () => {
  shown(aRun({ values: { snr: 41.2 }, parameters: { memory_gib: 4 } }));
  expect(screen.getByText("41.2")).toBeVisible();
  expect(screen.queryByRole("button", { name: /over again|Stop/ })).toBeNull();
  await userEvent.click(screen.getByRole("button", { expanded: false }));
  expect(await screen.findByText("reading lines")).toBeVisible();
  expect(screen.getByText("Memory gib")).toBeVisible();
});

test("a run that is computed can be stopped, and an older one not", async () => {
  const asked = shown(
    aRun({ status: "running", progress: 30, ended_at: null }),
    aRun({ id: "run-0", status: "canceled" }),
  );
  expect(screen.getAllByRole("button", { name: /Stop the job|over again/ })).toHaveLength(1);
  await userEvent.click(screen.getByRole("button", { name: "Stop the job" }));
  await waitFor(() => expect(asked).toContain("POST /api/v1/workflowmanager/runs/run-1/cancel"));
});
