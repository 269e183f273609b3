import { act, screen } from "@testing-library/react";
import { QueryObserver, useQuery } from "@tanstack/react-query";
import { afterEach, expect, test, vi } from "vitest";

import { problemFrom } from "../api/problem";
import { renderScreen } from "../testing/render";
import { ErrorState, Loading, QueryView } from "./states";

afterEach(() => vi.useRealTimers());

function View({ load }: { load: () => Promise<string> }) {
  const query = useQuery({ queryKey: ["view"], queryFn: load, retry: false });
  return (
    <QueryView query={query} safe="Nothing was changed.">
      {(data) => <p>{data}</p>}
    </QueryView>
  );
}

test("a view that loads is not an error and shows no skeleton for the first 200 ms", () => {
  vi.useFakeTimers();
  renderScreen(<Loading rows={2} />);
  const status = screen.getByRole("status", { name: "Loading" });
  expect(status).toBeEmptyDOMElement();
  act(() => vi.advanceTimersByTime(200));
  expect(status.children).toHaveLength(2);
});

test("a failed view says what happened, what is safe, and gives the reference", async () => {
  const problem = problemFrom(500, { title: "Internal error", detail: "It broke." }, "abcdef12-3");
  renderScreen(<View load={() => Promise.reject(problem)} />);
  expect(await screen.findByText("It broke.")).toBeVisible();
  expect(screen.getByText("Nothing was changed.")).toBeVisible();
  expect(screen.getByRole("button", { name: "Try again" })).toBeVisible();
  expect(screen.getByRole("button", { name: "Reference abcdef12" })).toBeVisible();
});

test("data once read stays on screen when reading it anew fails", async () => {
  const client = renderScreen(<View load={() => Promise.reject(new Error("down"))} />);
  client.setQueryData(["view"], "last known");
  expect(await screen.findByText("last known")).toBeVisible();
  await new QueryObserver(client, { queryKey: ["view"] }).refetch().catch(() => undefined);
  expect(screen.getByText("last known")).toBeVisible();
  expect(screen.getByRole("status")).toHaveTextContent("could not be read anew. down");
});

test("a role that may not see it is told so, without a retry", () => {
  const problem = problemFrom(403, { detail: "It takes admin." }, null);
  renderScreen(<ErrorState error={problem} safe="" onRetry={() => {}} />);
  expect(screen.getByText("Not allowed for your role")).toBeVisible();
  expect(screen.queryByRole("button", { name: "Try again" })).toBeNull();
});
