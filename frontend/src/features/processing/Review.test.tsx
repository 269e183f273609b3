import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test, vi } from "vitest";

import type { Review as ReviewOf } from "../../api/processing";
import { sessionStore } from "../../api/session";
import { aUser } from "../../testing/builders";
import { renderScreen } from "../../testing/render";
import { Review } from "./Review";

afterEach(() => vi.restoreAllMocks());

const aReview = (changes: Partial<ReviewOf> = {}): ReviewOf => ({
  state: "waiting",
  role: "medical",
  due_at: null,
  at_deadline: "reject",
  overdue: false,
  decided_by: null,
  decided_at: null,
  comment: "",
  ...changes,
});

test("somebody of the role decides and says why", async () => {
  const bodies: unknown[] = [];
  vi.spyOn(window, "fetch").mockImplementation(async (request) => {
    bodies.push(await (request as Request).json());
    return Response.json({});
  });
  sessionStore.begin(aUser({ role: "medical" }));
  renderScreen(<Review caseId="case-1" review={aReview()} />);
  await userEvent.type(screen.getByLabelText("Why"), "It is sharp");
  await userEvent.click(screen.getByRole("button", { name: "Approve" }));
  await waitFor(() => expect(bodies).toEqual([{ decision: "approve", comment: "It is sharp" }]));
});

test("between two modules it is about the next one", () => {
  sessionStore.begin(aUser({ role: "medical" }));
  renderScreen(<Review caseId="case-1" review={aReview()} next="grade" />);
  expect(screen.getByText(/decide whether grade runs/)).toBeVisible();
});

test("whoever is of another role is told who decides", () => {
  sessionStore.begin(aUser({ role: "scientist" }));
  renderScreen(<Review caseId="case-1" review={aReview()} />);
  expect(screen.getByText(/Decided by somebody whose role is medical/)).toBeVisible();
  expect(screen.getByRole("button", { name: "Reject" })).toBeDisabled();
});

test("what was decided stays with who it was and why", () => {
  const decided = { state: "rejected", decided_by: "user:ada", comment: "blurred" } as const;
  renderScreen(<Review caseId="case-1" review={aReview(decided)} />);
  expect(screen.getByText(/Rejected by ada.*: blurred/)).toBeVisible();
});
