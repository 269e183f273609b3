import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test, vi } from "vitest";

import type { SeriesOfStudy, Study } from "../../api/archive";
import { renderScreen } from "../../testing/render";
import RemoveModal from "./RemoveModal";

const study = { uid: "1.2", patientName: "Doe^Jane", patientId: "D-1", series: 2, instances: 5 };
const all = [
  { series_instance_uid: "1.2.1", series_description: "T1", instances: 2 },
  { series_instance_uid: "1.2.2", series_description: "T2", instances: 3 },
] as SeriesOfStudy[];
let asked: { path: string; body: unknown }[];
let answer: () => Response;
const onClose = vi.fn();
const onGone = vi.fn();

beforeEach(() => {
  asked = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    asked.push({ path: new URL(request.url).pathname, body: await request.json() });
    return answer();
  });
  onClose.mockReset();
  onGone.mockReset();
  return () => vi.unstubAllGlobals();
});

const show = (series: SeriesOfStudy | null) =>
  renderScreen(
    <RemoveModal
      study={study as Study}
      all={all}
      series={series}
      onClose={onClose}
      onGone={onGone}
    />,
  );

async function removeForQuality() {
  await userEvent.click(screen.getByRole("combobox", { name: "Why" }));
  await userEvent.click(await screen.findByRole("option", { name: /Of no use/ }));
  await userEvent.click(screen.getByRole("button", { name: "Remove for good" }));
}

test("one series goes with a reason, and the study stays open", async () => {
  answer = () => Response.json({ instances: 2, series_instance_uids: ["1.2.1"], size_bytes: 9 });
  show(all[0] as SeriesOfStudy);
  await removeForQuality();
  await waitFor(() => expect(onClose).toHaveBeenCalled());
  expect(onGone).not.toHaveBeenCalled();
  expect(asked).toEqual([
    {
      path: "/api/v1/workflowmanager/studies/1.2/remove",
      body: { reason: "quality", series_instance_uids: ["1.2.1"] },
    },
  ]);
});

test("of a study that may not go, each series that stands against it says why", async () => {
  const refused = all.map(({ series_instance_uid }, at) => ({
    series_instance_uid,
    reason: at === 0 ? "A case of it waits." : "It still arrives.",
  }));
  answer = () => Response.json({ detail: "A case of it waits.", refused }, { status: 409 });
  show(null);
  await userEvent.type(screen.getByLabelText("Type D-1 to confirm"), "D-1");
  await removeForQuality();
  const list = await screen.findByRole("list", { name: "What may not go" });
  expect(list).toHaveTextContent("T1: A case of it waits.");
  expect(list).toHaveTextContent("T2: It still arrives.");
  expect(onGone).not.toHaveBeenCalled();
  expect(onClose).not.toHaveBeenCalled();
});
