import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test, vi } from "vitest";

import { aDevice, aTask } from "../../testing/builders";
import { renderScreen } from "../../testing/render";
import { PauseButton } from "./PauseButton";

afterEach(() => vi.unstubAllGlobals());

function serverThatAnswers(answer: object, status = 200) {
  const requests: string[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    requests.push(`${request.method} ${new URL(request.url).pathname}`);
    return Response.json(answer, { status });
  });
  return requests;
}

const device = aDevice({ capabilities: ["ack", "stop", "pause"] });

test("a running scan is paused, one that rests goes on", async () => {
  const requests = serverThatAnswers({ sent: true, confirmed: true, detail: "" });
  renderScreen(<PauseButton task={aTask({ status: "INPROGRESS" })} device={device} />);
  await userEvent.click(screen.getByRole("button", { name: "Pause" }));
  renderScreen(<PauseButton task={aTask({ status: "PAUSED" })} device={device} />);
  await userEvent.click(screen.getByRole("button", { name: "Go on" }));
  expect(requests).toEqual([
    "POST /api/v1/device/device-1/pause",
    "POST /api/v1/device/device-1/resume",
  ]);
});

test("a scanner that cannot pause has no such button", () => {
  renderScreen(<PauseButton task={aTask({ status: "INPROGRESS" })} device={aDevice()} />);
  expect(screen.queryByRole("button")).toBeNull();
});

test("a pause that is not confirmed says so", async () => {
  serverThatAnswers({ sent: true, confirmed: false, detail: "It has not confirmed it." });
  renderScreen(<PauseButton task={aTask({ status: "INPROGRESS" })} device={device} />);
  await userEvent.click(screen.getByRole("button", { name: "Pause" }));
  expect(await screen.findByRole("alert")).toHaveTextContent("It has not confirmed it.");
});
