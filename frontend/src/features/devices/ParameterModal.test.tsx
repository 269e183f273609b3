import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { beforeEach, expect, test, vi } from "vitest";

import { sessionStore } from "../../api/session";
import { aDevice, aUser } from "../../testing/builders";
import { renderScreen } from "../../testing/render";
import ParameterModal from "./ParameterModal";

const PARAMETER = "/api/v1/device/device-1/parameter";
const SCHEMA = {
  device_type: "pulseq",
  version: 1,
  author: "user:ada",
  datetime_created: "2026-11-01T08:00:00Z",
  document: {
    type: "object",
    required: ["larmor_frequency"],
    properties: {
      larmor_frequency: { type: "number", title: "Larmor frequency", unit: "Hz", minimum: 1 },
      shims: { type: "array", title: "Shims", items: { type: "number" }, minItems: 2, maxItems: 2 },
    },
  },
};
const FIRST = { larmor_frequency: 2000, shims: [1, 2] };

let saved: { match: string | null; body: unknown }[];
let version: number;
let inForce: Record<string, unknown>;
let schemas: object[];
let refusal: object | null;

/** A server that keeps one document. */
async function serve(request: Request): Promise<Response> {
  const path = new URL(request.url).pathname;
  if (path === "/api/v1/device/parameter-schemas") return Response.json(schemas);
  if (path === PARAMETER && request.method === "GET") return Response.json(inForceNow());
  const match = request.headers.get("If-Match");
  if (match !== `"${version}"`) {
    const detail = "It was changed since it was read.";
    return Response.json({ type: "/problems/stale-version", detail }, { status: 412 });
  }
  if (refusal) return Response.json(refusal, { status: 422 });
  saved.push({ match, body: await request.json() });
  version += 1;
  return Response.json(inForceNow());
}

function inForceNow() {
  return {
    device_id: "device-1",
    version,
    parameter: inForce,
    author: "calibration:frequency",
    comment: "",
    created_at: "2026-11-21T08:00:00Z",
  };
}

beforeEach(() => {
  saved = [];
  version = 2;
  inForce = FIRST;
  schemas = [SCHEMA];
  refusal = null;
  sessionStore.begin(aUser());
  vi.stubGlobal("fetch", vi.fn(serve));
  return () => {
    vi.unstubAllGlobals();
    sessionStore.end(null);
  };
});

async function open() {
  const onClose = vi.fn();
  const device = aDevice({ device_type: "pulseq", parameter_version: 2 });
  renderScreen(<ParameterModal device={device} onClose={onClose} />);
  return { frequency: await screen.findByLabelText("Larmor frequency"), onClose };
}

const saveButton = () => screen.getByRole("button", { name: "Save as a new version" });

async function retype(field: HTMLElement, text: string) {
  await userEvent.clear(field);
  if (text) await userEvent.type(field, text);
}

test("a field of the schema is changed, shown before it is saved, and saved with the reason", async () => {
  const { frequency, onClose } = await open();
  expect(saveButton()).toBeDisabled();
  await retype(frequency, "2001,5");
  expect(screen.getByRole("list", { name: "Changes" })).toHaveTextContent(
    "Larmor frequency 2000 → 2001.5",
  );
  await userEvent.type(screen.getByLabelText("Why it is changed"), "drift");
  await userEvent.click(saveButton());
  await waitFor(() => expect(onClose).toHaveBeenCalled());
  const parameter = { ...FIRST, larmor_frequency: 2001.5 };
  expect(saved).toEqual([{ match: '"2"', body: { parameter, comment: "drift" } }]);
});

test("what cannot be right is told at its field and is not saved", async () => {
  const { frequency } = await open();
  await retype(frequency, "0");
  expect(frequency).toHaveAccessibleDescription(/has to be at least 1/);
  await retype(frequency, "3000");
  await retype(screen.getByLabelText("Shims 2"), "x");
  expect(screen.getByLabelText("Shims 2")).toHaveAccessibleDescription(/has to be a number/);
  expect(saveButton()).toBeDisabled();
});

test("what the server refuses is told at its field", async () => {
  const { frequency } = await open();
  refusal = {
    type: "/problems/unprocessable",
    detail: "The parameters do not follow the schema.",
    problems: [{ field: "shims.1", problem: "2 is greater than 1" }],
  };
  await retype(frequency, "3000");
  await userEvent.click(saveButton());
  await waitFor(() =>
    expect(screen.getByLabelText("Shims 2")).toHaveAccessibleDescription(/2 is greater than 1/),
  );
});

test("the same is edited as JSON, and what is no object cannot be saved", async () => {
  await open();
  await userEvent.click(screen.getByRole("button", { name: "As JSON" }));
  const editor = screen.getByLabelText("Version 2");
  expect(editor).toHaveValue(JSON.stringify(FIRST, null, 2));
  await retype(editor, "[[1]");
  expect(screen.getByText(/Parameters are an object/)).toBeInTheDocument();
  expect(saveButton()).toBeDisabled();
  expect(screen.getByRole("button", { name: "Form" })).toBeDisabled();
});

test("without a schema there is the JSON, and it is said that nothing checks it", async () => {
  schemas = [];
  renderScreen(
    <ParameterModal device={aDevice({ device_type: "odd" })} onClose={() => undefined} />,
  );
  expect(await screen.findByLabelText("Version 2")).toBeInTheDocument();
  expect(screen.getByText(/no schema for devices of the type “odd”/)).toBeInTheDocument();
  expect(screen.queryByRole("button", { name: "Form" })).toBeNull();
});

test("when somebody was faster, what changed is shown, and my change goes on top of it", async () => {
  const { frequency, onClose } = await open();
  await retype(frequency, "3000");
  version = 3;
  inForce = { larmor_frequency: 2500, shims: [1, 9] };
  await userEvent.click(saveButton());
  const notice = await screen.findByRole("alert", { name: "Changed meanwhile" });
  expect(notice).toHaveTextContent("Version 3 was saved while you were editing");
  const theirs = within(notice).getByRole("list", { name: "What they have changed" });
  expect(theirs).toHaveTextContent("Larmor frequency 2000 → 2500");
  expect(theirs).toHaveTextContent("you have changed this, too");
  expect(theirs).toHaveTextContent("Shims 1, 2 → 1, 9");
  expect(saveButton()).toBeDisabled();
  await userEvent.click(screen.getByRole("button", { name: /Keep my changes/ }));
  await waitFor(() => expect(screen.queryByRole("alert")).toBeNull());
  await userEvent.click(saveButton());
  await waitFor(() => expect(onClose).toHaveBeenCalled());
  const parameter = { larmor_frequency: 3000, shims: [1, 9] };
  expect(saved).toEqual([{ match: '"3"', body: { parameter, comment: "" } }]);
});

test("whoever has changed nothing sees the newest without being asked", async () => {
  function Screen() {
    const [now, setNow] = useState(2);
    const device = aDevice({ device_type: "pulseq", parameter_version: now });
    return (
      <>
        <button type="button" onClick={() => setNow(3)}>
          an event comes
        </button>
        <ParameterModal device={device} onClose={() => undefined} />
      </>
    );
  }
  renderScreen(<Screen />);
  await screen.findByLabelText("Larmor frequency");
  version = 3;
  inForce = { larmor_frequency: 2500, shims: [1, 2] };
  fireEvent.click(screen.getByText("an event comes"));
  await waitFor(() => expect(screen.getByLabelText("Larmor frequency")).toHaveValue("2500"));
  expect(screen.getByText(/^Version 3/)).toBeInTheDocument();
  expect(screen.queryByRole("alert")).toBeNull();
});

test("who may not change devices can look and not save", async () => {
  sessionStore.begin(aUser({ role: "medical" }));
  const { frequency } = await open();
  await retype(frequency, "3000");
  expect(saveButton()).toBeDisabled();
  expect(screen.getByText(/administrators and engineers/)).toBeInTheDocument();
});
