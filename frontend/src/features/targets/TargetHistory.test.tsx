import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test, vi } from "vitest";

import type { Target } from "../../api/routing";
import { sessionStore } from "../../api/session";
import { aUser } from "../../testing/builders";
import { renderScreen } from "../../testing/render";
import { TargetHistory } from "./TargetHistory";

const BASE = "/api/v1/workflowmanager/targets/PACS";
const target = { name: "PACS", target_type: "dicom", version: 2 } as Target;
let reverted: { path: string; match: string | null; body: unknown }[];

async function serve(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  const made = { name: "PACS", comment: "", created_at: "2026-01-02T08:30:00Z", document: {} };
  if (pathname === `${BASE}/versions`) {
    return Response.json([
      { ...made, version: 2, change: "updated", author: "user:ada" },
      { ...made, version: 1, change: "created", author: "user:grace" },
    ]);
  }
  if (pathname === `${BASE}/diff`) {
    return Response.json([
      { field: "commitment_timeout_s", before: 60, after: 3600 },
      { field: "secrets", before: [], after: ["tls_key"] },
    ]);
  }
  const match = request.headers.get("If-Match");
  reverted.push({ path: pathname, match, body: await request.json() });
  return Response.json({ ...target, version: 3 });
}

beforeEach(() => {
  reverted = [];
  vi.stubGlobal("fetch", vi.fn(serve));
  return () => {
    vi.unstubAllGlobals();
    sessionStore.end(null);
  };
});

test("a version says what it changed as the form calls it, of secrets only which are set", async () => {
  sessionStore.begin(aUser({ role: "admin" }));
  renderScreen(<TargetHistory target={target} />);
  await userEvent.click(await screen.findByRole("button", { name: /Version 2/ }));
  const changes = await screen.findByRole("list", { name: "What it changed" });
  expect(changes).toHaveTextContent("Commitment timeout 60 → 3600 s");
  expect(changes).toHaveTextContent("Secrets that are set none → tls_key");
});

test("an older version is taken up again against the one in force, by administrators only", async () => {
  sessionStore.begin(aUser({ role: "admin" }));
  renderScreen(<TargetHistory target={target} />);
  await userEvent.click(await screen.findByRole("button", { name: /Version 1/ }));
  await userEvent.type(screen.getByLabelText("Why"), "as it was");
  await userEvent.click(screen.getByRole("button", { name: "Use version 1 again" }));
  await waitFor(() =>
    expect(reverted).toEqual([
      { path: `${BASE}/versions/1/revert`, match: '"2"', body: { comment: "as it was" } },
    ]),
  );
});

test("who may not change targets is told so beside the button", async () => {
  sessionStore.begin(aUser({ role: "engineer" }));
  renderScreen(<TargetHistory target={target} />);
  await userEvent.click(await screen.findByRole("button", { name: /Version 1/ }));
  expect(screen.getByRole("button", { name: "Use version 1 again" })).toBeDisabled();
  expect(screen.getByText("Changed by administrators only.")).toBeVisible();
});
