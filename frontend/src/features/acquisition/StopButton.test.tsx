import { act, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test, vi } from "vitest";

import { keys, makeQueryClient } from "../../api/queries";
import { aDevice, anExam, aTask } from "../../testing/builders";
import { renderScreen } from "../../testing/render";
import { StopButton } from "./StopButton";

function serverThatStops() {
  const requests: string[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    requests.push(`${request.method} ${new URL(request.url).pathname}`);
    return Response.json({ sent: true, confirmed: true, detail: "" });
  });
  return requests;
}

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("one click stops the scanner of the running task, without a question", async () => {
  const requests = serverThatStops();
  renderScreen(<StopButton exam={anExam([aTask({ status: "INPROGRESS" })])} />);
  await userEvent.click(screen.getByRole("button", { name: "Stop scanner" }));
  expect(requests).toEqual(["POST /api/v1/device/device-1/stop"]);
});

test("stop works while the exam is still being read", async () => {
  const requests = serverThatStops();
  const client = makeQueryClient();
  client.setQueryData(keys.devices, [aDevice()]);
  renderScreen(<StopButton exam={null} />, client);
  const button = screen.getByRole("button", { name: "Stop scanner" });
  expect(button).toBeEnabled();
  await userEvent.click(button);
  expect(requests).toEqual(["POST /api/v1/device/device-1/stop"]);
});

test("Esc stops only when it is held for a second", async () => {
  vi.useFakeTimers();
  const requests = serverThatStops();
  renderScreen(<StopButton exam={anExam([aTask({ status: "INPROGRESS" })])} />);
  const key = (type: string) =>
    act(() => window.dispatchEvent(new KeyboardEvent(type, { key: "Escape" })));

  key("keydown");
  act(() => vi.advanceTimersByTime(900));
  key("keyup");
  act(() => vi.advanceTimersByTime(2000));
  expect(requests).toEqual([]);

  key("keydown");
  await act(() => vi.advanceTimersByTimeAsync(1000));
  expect(requests).toHaveLength(1);
});
