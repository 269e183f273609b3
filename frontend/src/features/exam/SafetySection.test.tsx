import { screen } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";

import { keys, makeQueryClient } from "../../api/queries";
import type { SafetyVerdict } from "../../api/safety";
import { aDevice, aPatient, aTask } from "../../testing/builders";
import { renderScreen } from "../../testing/render";
import { SafetySection } from "./SafetySection";

function gateThatSays(found: Partial<SafetyVerdict>) {
  const asked: unknown[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    asked.push([new URL(request.url).pathname, await request.json()]);
    return Response.json({ outcome: "pass", reasons: [], fingerprint: "f", ...found });
  });
  const client = makeQueryClient();
  client.setQueryData(keys.devices, [aDevice()]);
  return { asked, client };
}

afterEach(() => vi.unstubAllGlobals());

test("what speaks against a scan is on the page before anybody starts it", async () => {
  const text = "The largest gradient along x is 27.96 mT/m; the device takes at most 25 mT/m.";
  const { asked, client } = gateThatSays({
    outcome: "refuse",
    reasons: [{ code: "max-gradient", severity: "refuse", text }],
  });
  renderScreen(<SafetySection task={aTask()} patient={aPatient()} position="HFS" />, client);
  expect(await screen.findByText(text)).toBeVisible();
  expect(screen.getByText("Cannot be started")).toBeVisible();
  expect(asked).toEqual([["/api/v1/device/device-1/safety", { task_id: "task-1" }]]);
});

test.each<[Partial<SafetyVerdict>, string]>([
  [{ operating_mode: "normal" }, "Normal Operating Mode"],
  [{ operating_mode: null }, "Nothing against it; not all was checked"],
  [{ outcome: "confirm", operating_mode: "first_level" }, "First Level: has to be confirmed"],
  [{ outcome: "confirm", operating_mode: null }, "Has to be confirmed"],
])("%j is said as %s", async (found, words) => {
  const { client } = gateThatSays(found);
  renderScreen(<SafetySection task={aTask()} patient={aPatient()} position="HFS" />, client);
  expect(await screen.findByText(words)).toBeVisible();
});

test("a scan that runs, and one without a device, are not judged", () => {
  const { asked, client } = gateThatSays({});
  const running = aTask({ status: "INPROGRESS" });
  renderScreen(<SafetySection task={running} patient={aPatient()} position="HFS" />, client);
  const homeless = aTask({ device_id: null });
  renderScreen(<SafetySection task={homeless} patient={aPatient()} position="HFS" />, client);
  expect(asked).toEqual([]);
  expect(screen.queryByLabelText("Safety check")).toBeNull();
});
