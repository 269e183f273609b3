import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test, vi } from "vitest";

import type { Calibration } from "../../api/types";
import { aDevice } from "../../testing/builders";
import { renderScreen } from "../../testing/render";
import { Calibrations, outcome } from "./Calibrations";

function aCalibration(changes: Partial<Calibration> = {}): Calibration {
  return {
    id: "calibration-1",
    device_id: "device-1",
    kind: "frequency",
    state: "measured",
    values: { larmor_frequency: 2000143 },
    parameter_version: 4,
    requested_by: "user:ada",
    created_at: "2026-11-21T08:00:00Z",
    ended_at: "2026-11-21T08:00:05Z",
    ...changes,
  };
}

let asked: unknown[];
let rows: Calibration[];

beforeEach(() => {
  asked = [];
  rows = [];
  vi.stubGlobal(
    "fetch",
    vi.fn(async (request: Request) => {
      if (request.method === "GET") return Response.json(rows);
      asked.push(await request.json());
      rows = [aCalibration({ state: "requested" })];
      return Response.json(rows, { status: 202 });
    }),
  );
  return () => vi.unstubAllGlobals();
});

test("the kinds that are chosen are asked for, in their order, and shown", async () => {
  renderScreen(<Calibrations device={aDevice({ capabilities: ["calibrate"] })} />);
  await userEvent.click(screen.getByLabelText("Shims"));
  await userEvent.click(screen.getByRole("button", { name: "Calibrate" }));
  expect(await screen.findByText(/is asked for/)).toBeInTheDocument();
  expect(asked).toEqual([{ kinds: ["frequency", "shims"] }]);
});

test("a device that cannot is not asked", async () => {
  renderScreen(<Calibrations device={aDevice()} />);
  expect(screen.getByText(/does not announce/)).toBeInTheDocument();
  expect(screen.queryByRole("button", { name: "Calibrate" })).toBeNull();
});

test("a device that is busy is not asked, and a failure has its reason in the history", async () => {
  rows = [aCalibration({ state: "failed", problem: "no signal", quality: { snr_db: 2.5 } })];
  renderScreen(<Calibrations device={aDevice({ capabilities: ["calibrate"], status: "BUSY" })} />);
  expect(screen.getByRole("button", { name: "Calibrate" })).toBeDisabled();
  const history = await screen.findByRole("list", { name: "Calibrations" });
  expect(history).toHaveTextContent("no signal");
  expect(history).toHaveTextContent("by ada");
  expect(history).toHaveTextContent("Snr 2.5 dB");
});

test.each([
  [aCalibration(), "Larmor frequency 2.000143\u202fMHz · made version 4"],
  [
    aCalibration({ parameter_version: null, problem: "Not taken over: x" }),
    "Larmor frequency 2.000143\u202fMHz · nothing taken over · Not taken over: x",
  ],
  [aCalibration({ state: "failed", problem: "no signal" }), "no signal"],
])("what came of it is said in a line", (row, line) => {
  expect(outcome(row)).toBe(line);
});
