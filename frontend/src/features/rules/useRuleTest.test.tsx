import { render, screen } from "@testing-library/react";
import { QueryClientProvider } from "@tanstack/react-query";
import { beforeEach, expect, test, vi } from "vitest";

import { makeQueryClient } from "../../api/queries";
import { useRuleTest } from "./useRuleTest";

let asked: unknown[];

beforeEach(() => {
  asked = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    asked.push(await request.json());
    return Response.json({ triggered: false, error: null, missing: null, tags_accessed: [] });
  });
  return () => vi.unstubAllGlobals();
});

function Shown({ tags }: { tags: Record<string, string> | null }) {
  const { result } = useRuleTest("tags.Modality == 'MR'", tags ?? {}, tags !== null);
  return <p>{result ? "tried" : "not tried"}</p>;
}

test("a condition is not tried before it is known which tags are kept", async () => {
  const client = makeQueryClient();
  const at = (tags: Record<string, string> | null) => (
    <QueryClientProvider client={client}>
      <Shown tags={tags} />
    </QueryClientProvider>
  );
  const { rerender } = render(at(null));
  expect(screen.getByText("not tried")).toBeInTheDocument();
  rerender(at({ Modality: "" }));
  expect(await screen.findByText("tried")).toBeInTheDocument();
  expect(asked).toEqual([{ rule: "tags.Modality == 'MR'", tags: { Modality: "" } }]);
});
