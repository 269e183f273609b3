import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test, vi } from "vitest";

import { aDevice } from "../../testing/builders";
import { renderScreen } from "../../testing/render";
import ParameterModal from "./ParameterModal";

const PARAMETER = "/api/v1/device/device-1/parameter";
let saved: { match: string | null; body: unknown }[];
let version: number;

/** A server that keeps one document. */
async function serve(request: Request): Promise<Response> {
  const path = new URL(request.url).pathname;
  if (path === `${PARAMETER}/versions`) {
    return Response.json([
      {
        version: 2,
        author: "user:ada",
        comment: "warm magnet",
        created_at: "2026-11-20T08:00:00Z",
      },
      { version: 1, author: "calibration:frequency", comment: "", created_at: null },
    ]);
  }
  if (path === `${PARAMETER}/versions/1`) return Response.json(documentOf(1, { shims: [1] }));
  if (request.method === "GET") return Response.json(documentOf(version, { shims: [2] }));
  const match = request.headers.get("If-Match");
  if (match !== `"${version}"`) {
    const detail = "It was changed since it was read.";
    return Response.json({ type: "/problems/stale-version", detail }, { status: 412 });
  }
  saved.push({ match, body: await request.json() });
  return Response.json(documentOf(version + 1, { shims: [1] }));
}

function documentOf(number: number, parameter: Record<string, unknown>) {
  return { device_id: "device-1", version: number, parameter, author: "", comment: "" };
}

beforeEach(() => {
  saved = [];
  version = 2;
  vi.stubGlobal("fetch", vi.fn(serve));
  return () => vi.unstubAllGlobals();
});

async function open() {
  const onClose = vi.fn();
  renderScreen(<ParameterModal device={aDevice()} onClose={onClose} />);
  return { editor: await screen.findByLabelText("Version 2"), onClose };
}

test("what is no object of JSON cannot be saved, and why is said", async () => {
  const { editor } = await open();
  const save = screen.getByRole("button", { name: "Save as a new version" });
  await userEvent.clear(editor);
  await userEvent.type(editor, "[[1]");
  expect(screen.getByText(/Parameters are an object/)).toBeInTheDocument();
  expect(save).toBeDisabled();
  await userEvent.type(editor, ",");
  expect(save).toBeDisabled();
});

test("an older version is taken into the editor and saved as a new one", async () => {
  const { editor, onClose } = await open();
  await screen.findByText("ada");
  await userEvent.click(screen.getByRole("button", { name: "Take version 1 into the editor" }));
  await waitFor(() => expect(editor).toHaveValue(JSON.stringify({ shims: [1] }, null, 2)));
  await userEvent.type(screen.getByLabelText("Comment"), "as before");
  await userEvent.click(screen.getByRole("button", { name: "Save as a new version" }));
  await waitFor(() => expect(onClose).toHaveBeenCalled());
  expect(saved).toEqual([
    { match: '"2"', body: { parameter: { shims: [1] }, comment: "as before" } },
  ]);
});

test("when somebody was faster nothing is saved and the newest can be shown", async () => {
  const { onClose } = await open();
  version = 3;
  await userEvent.click(screen.getByRole("button", { name: "Save as a new version" }));
  expect(await screen.findByText("It was changed since it was read.")).toBeInTheDocument();
  expect(onClose).not.toHaveBeenCalled();
  await userEvent.click(screen.getByRole("button", { name: "Show the newest" }));
  expect(await screen.findByLabelText("Version 3")).toBeInTheDocument();
  expect(saved).toEqual([]);
});
