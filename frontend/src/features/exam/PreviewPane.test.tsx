import { act, screen } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";

import type { Preview } from "../../api/previews";
import { keys } from "../../api/queries";
import { aJob, anEvent, aTask } from "../../testing/builders";
import { renderScreen } from "../../testing/render";
import { PreviewPane } from "./PreviewPane";

afterEach(() => vi.unstubAllGlobals());

const NOTICE = "Preview, not for diagnosis";

function aPreview(number: number, changes: Partial<Preview> = {}): Preview {
  return {
    task_id: "task-1",
    acquisition_id: "scan-1",
    number,
    rows: 128,
    columns: 128,
    slice: number - 1,
    contrast: 0,
    phase: 0,
    repetition: 0,
    set: 0,
    made_at: "2026-11-21T08:00:00Z",
    image: `/previews/task-1/scan-1/${number}`,
    ...changes,
  };
}

const ready = (id: string, acquisition_id = "scan-1") =>
  anEvent("preview.ready", { task_id: "task-1", acquisition_id }, { id });
const begun = anEvent("exam.task.started", { task_id: "task-1" });

/** A server with previews; what is told of them is in `told`. */
function serverWith(previews: Preview[], told = previews.length) {
  const requests: string[] = [];
  const events = [begun, ...Array.from({ length: told }, (_, at) => ready(`ready-${at}`))];
  vi.stubGlobal("fetch", async (request: Request) => {
    const { pathname } = new URL(request.url);
    requests.push(pathname);
    return Response.json(pathname.includes("/previews/") ? previews : events);
  });
  return requests;
}

test("the newest preview of a running scan is shown, and what it is", async () => {
  serverWith([aPreview(1), aPreview(2)]);
  renderScreen(<PreviewPane task={aTask({ status: "INPROGRESS" })}>No images yet</PreviewPane>);
  const image = await screen.findByRole("img", { name: "Preview of GRE, slice 2" });
  expect(image).toHaveAttribute("src", "/previews/task-1/scan-1/2");
  expect(screen.getByText(NOTICE)).toBeVisible();
  expect(screen.queryByText("No images yet")).toBeNull();
});

test("the next preview follows its event, without anybody asking", async () => {
  const previews = [aPreview(1)];
  serverWith(previews);
  const client = renderScreen(
    <PreviewPane task={aTask({ status: "INPROGRESS" })}>No images yet</PreviewPane>,
  );
  await screen.findByRole("img", { name: /slice 1/ });
  previews.push(aPreview(2, { slice: 0, repetition: 4 }));
  act(() => {
    client.setQueryData(keys.journal("task-1"), (events: unknown[]) => [
      ...events,
      ready("ready-later"),
    ]);
  });
  const image = await screen.findByRole("img", { name: "Preview of GRE, slice 1, repetition 5" });
  expect(image).toHaveAttribute("src", "/previews/task-1/scan-1/2");
});

test("a scan without previews shows what it did before", async () => {
  const requests = serverWith([], 0);
  renderScreen(<PreviewPane task={aTask({ status: "INPROGRESS" })}>No images yet</PreviewPane>);
  await vi.waitFor(() => expect(requests).toHaveLength(1));
  expect(screen.getByText("No images yet")).toBeVisible();
  expect(screen.queryByText(NOTICE)).toBeNull();
});

test("previews of an earlier scan of the task are not shown for this one", async () => {
  const requests = serverWith([aPreview(1)]);
  const client = renderScreen(
    <PreviewPane task={aTask({ status: "INPROGRESS" })}>No images yet</PreviewPane>,
  );
  await screen.findByText(NOTICE);
  act(() => {
    client.setQueryData(keys.journal("task-1"), (events: unknown[]) => [...events, begun]);
  });
  await screen.findByText("No images yet");
  act(() => {
    client.setQueryData(keys.journal("task-1"), (events: unknown[]) => [
      ...events,
      ready("ready-now", "scan-2"),
    ]);
  });
  await vi.waitFor(() => expect(requests).toHaveLength(3));
  expect(screen.getByText("No images yet")).toBeVisible();
});

test.each([
  ["a scan that is done", aTask({ status: "FINISHED" })],
  ["a scan that was stopped", aTask({ status: "CANCELED" })],
  ["a job that runs", aJob({ status: "INPROGRESS" })],
])("%s shows its own images", (_what, task) => {
  const requests = serverWith([aPreview(1)]);
  renderScreen(<PreviewPane task={task}>The images</PreviewPane>);
  expect(screen.getByText("The images")).toBeVisible();
  expect(screen.queryByText(NOTICE)).toBeNull();
  expect(requests).toEqual([]);
});
