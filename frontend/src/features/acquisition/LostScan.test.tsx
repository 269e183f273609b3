import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test, vi } from "vitest";

import type { AcquisitionSeen } from "../../api/queries";
import { aJob, aTask } from "../../testing/builders";
import { renderScreen } from "../../testing/render";
import { LostScan } from "./LostScan";
import { silenceOf, taskLook } from "./silence";

const SEEN: AcquisitionSeen = {
  acquisitionId: "acquisition-1",
  state: "lost",
  reason: "No contact with the device for 30 s",
  since: "2026-11-21T08:00:00Z",
};
const running = aTask({ status: "INPROGRESS", progress: 40 });

let asked: { path: string; body: unknown }[];
let refusal: Response | null;

beforeEach(() => {
  asked = [];
  refusal = null;
  vi.stubGlobal("fetch", async (request: Request) => {
    asked.push({ path: new URL(request.url).pathname, body: await request.json() });
    return refusal ?? Response.json({ id: "acquisition-1", state: "failed" });
  });
  return () => vi.unstubAllGlobals();
});

async function open(seen = SEEN) {
  const silence = silenceOf(running, seen);
  if (!silence) throw new Error("it is not silent");
  renderScreen(<LostScan task={running} silence={silence} />);
  await userEvent.click(screen.getByRole("button", { name: "Give up this scan" }));
  await screen.findByRole("dialog");
}

test("only a scan that is under way can be lost", () => {
  expect(silenceOf(running, SEEN)?.kind).toBe("lost");
  expect(silenceOf(running, { ...SEEN, state: "stopping" })?.kind).toBe("stopping");
  expect(silenceOf(running, { ...SEEN, state: "running" })).toBeNull();
  expect(silenceOf(running, null)).toBeNull();
  expect(silenceOf(aTask({ status: "ERROR" }), SEEN)).toBeNull();
  expect(silenceOf(aJob({ status: "INPROGRESS" }), SEEN)).toBeNull();
});

test("a lost scan does not look like a running one", () => {
  expect(taskLook(running, silenceOf(running, SEEN)).word).toBe("Lost");
  expect(taskLook(running, silenceOf(running, { ...SEEN, state: "stopping" })).word).toBe(
    "Stop not confirmed",
  );
  expect(taskLook(running, null).word).toBe("Running");
});

test("giving up a scan says what it means, asks why, and sends the reason", async () => {
  await open();
  expect(screen.getByText("This does not stop the scanner.")).toBeInTheDocument();
  const submit = screen.getByRole("button", { name: "Give up the scan" });
  await userEvent.click(submit);
  expect(screen.getByText("A reason is needed")).toBeInTheDocument();
  expect(asked).toEqual([]);
  await userEvent.type(screen.getByLabelText("What you have seen at the scanner"), "It is off");
  await userEvent.click(submit);
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  expect(asked[0]).toEqual({
    path: "/api/v1/device/acquisitions/acquisition-1/abandon",
    body: { reason: "It is off" },
  });
});

test("a refusal is told in the dialog, which stays open", async () => {
  refusal = Response.json(
    { type: "/problems/conflict", detail: "The device is connected: stop the scan instead." },
    { status: 409 },
  );
  await open({ ...SEEN, state: "stopping", since: null });
  await userEvent.type(screen.getByLabelText("What you have seen at the scanner"), "It is off");
  await userEvent.click(screen.getByRole("button", { name: "Give up the scan" }));
  expect(await screen.findByText(/stop the scan instead/)).toBeInTheDocument();
  expect(screen.getByRole("dialog")).toBeInTheDocument();
});
