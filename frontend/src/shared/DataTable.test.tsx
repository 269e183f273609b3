import { MantineProvider } from "@mantine/core";
import { QueryClientProvider, useInfiniteQuery } from "@tanstack/react-query";
import { act, render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { atEndOf, pagesOf } from "../api/pages";
import { makeQueryClient } from "../api/queries";
import { DataTable } from "./DataTable";
import { QueryView } from "./states";

interface Asked {
  after: string | null;
  give: (rows: string[]) => void;
  fail: (error: Error) => void;
}
let asked: Asked[];
let client: ReturnType<typeof makeQueryClient>;

const listed = pagesOf<string>(
  ["rows"],
  2,
  (after) => new Promise((give, fail) => asked.push({ after, give, fail })),
  (row) => row,
);

function List() {
  const query = useInfiniteQuery(listed);
  return (
    <QueryView query={query} safe="">
      {(rows) => (
        <DataTable
          label="Rows"
          rows={rows}
          columns={[{ key: "row", head: "Row", width: "1fr", cell: (row) => row }]}
          rowId={(row) => row}
          onOpen={() => {}}
          onEnd={atEndOf(query)}
        />
      )}
    </QueryView>
  );
}

/** The questions so far, when there are as many; the last of them. */
const question = (count: number) =>
  waitFor(() => {
    expect(asked).toHaveLength(count);
    return asked[count - 1] as Asked;
  });
const answer = async (count: number, rows: string[]) => {
  const { give } = await question(count);
  await act(async () => give(rows));
};

beforeEach(() => {
  // There is no layout here: without a size, no row is in sight.
  vi.spyOn(Element.prototype, "clientHeight", "get").mockReturnValue(600);
  asked = [];
  client = makeQueryClient();
  client.setDefaultOptions({ queries: { ...client.getDefaultOptions().queries, retry: false } });
  render(
    <MantineProvider env="test">
      <QueryClientProvider client={client}>
        <List />
      </QueryClientProvider>
    </MantineProvider>,
  );
});

afterEach(() => vi.restoreAllMocks());

test("at its end a list asks for more though it was read anew meanwhile", async () => {
  await answer(1, ["a", "b"]);
  expect((await question(2)).after).toBe("b");
  act(() => void client.invalidateQueries({ queryKey: ["rows"] }));
  expect((await question(3)).after).toBeNull();
  await answer(3, ["a", "b"]);
  expect((await question(4)).after).toBe("b");
  await answer(4, ["c"]);
  expect(await screen.findByRole("row", { name: "c" })).toBeVisible();
});

test("a page that cannot be read is told of, and asked for once more when somebody says so", async () => {
  await answer(1, ["a", "b"]);
  const { fail } = await question(2);
  await act(async () => fail(new Error("disk on fire")));
  expect(await screen.findByRole("status")).toHaveTextContent("disk on fire");
  expect(asked).toHaveLength(2);
  await userEvent.click(screen.getByRole("button", { name: "Try again" }));
  await answer(3, ["a", "b"]);
  expect((await question(4)).after).toBe("b");
  await answer(4, ["c"]);
  expect(await screen.findByRole("row", { name: "c" })).toBeVisible();
  expect(screen.queryByRole("status")).toBeNull();
});
