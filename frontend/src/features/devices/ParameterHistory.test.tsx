import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test, vi } from "vitest";

import { sessionStore } from "../../api/session";
import { aDevice, aUser } from "../../testing/builders";
import { renderScreen } from "../../testing/render";
import { ParameterHistory } from "./ParameterHistory";

const BASE = "/api/v1/device/device-1/parameter";
let restored: { path: string; match: string | null; body: unknown }[];

async function serve(request: Request): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  if (pathname === `${BASE}/versions`) {
    return Response.json([
      { version: 3, author: "user:ada", comment: "warm magnet", created_at: null },
      { version: 2, author: "calibration:shims", comment: "", created_at: null },
      { version: 1, author: "device:device-1", comment: "", created_at: null },
    ]);
  }
  if (pathname === `${BASE}/diff`) {
    const [before, after] = [searchParams.get("before"), searchParams.get("after")];
    return Response.json([{ field: "shims", before: [Number(before)], after: [Number(after)] }]);
  }
  const match = request.headers.get("If-Match");
  restored.push({ path: pathname, match, body: await request.json() });
  return Response.json({ device_id: "device-1", version: 4, parameter: {} });
}

beforeEach(() => {
  restored = [];
  sessionStore.begin(aUser());
  vi.stubGlobal("fetch", vi.fn(serve));
  return () => {
    vi.unstubAllGlobals();
    sessionStore.end(null);
  };
});

test("a version tells what it changed, and the way back says first what would change", async () => {
  renderScreen(<ParameterHistory device={aDevice({ parameter_version: 3 })} fields={[]} />);
  await userEvent.click(await screen.findByRole("button", { name: /Version 2/ }));
  expect(await screen.findByRole("list", { name: "What it changed" })).toHaveTextContent(
    "Shims 1 → 2",
  );
  expect(await screen.findByRole("list", { name: "What would change now" })).toHaveTextContent(
    "Shims 3 → 2",
  );
  await userEvent.type(screen.getByLabelText("Why"), "as before");
  await userEvent.click(screen.getByRole("button", { name: "Use version 2 again" }));
  await waitFor(() =>
    expect(restored).toEqual([
      { path: `${BASE}/versions/2/restore`, match: '"3"', body: { comment: "as before" } },
    ]),
  );
});

test("the version in force is named, and offers no way back to itself", async () => {
  renderScreen(<ParameterHistory device={aDevice({ parameter_version: 3 })} fields={[]} />);
  const row = await screen.findByRole("button", { name: /Version 3/ });
  expect(row).toHaveTextContent("in force");
  await userEvent.click(row);
  expect(screen.queryByRole("button", { name: /again/ })).toBeNull();
});
