import { readFileSync } from "node:fs";

import { afterEach, expect, test, vi } from "vitest";

import * as archive from "./archive";
import * as commitments from "./commitments";
import * as images from "./images";
import * as imports from "./imports";
import * as retrievals from "./retrievals";
import * as routing from "./routing";
import * as upkeep from "./upkeep";

interface Parameter {
  name: string;
  schema: { maximum?: number };
}
interface Document {
  paths: Record<string, { get?: { parameters?: Parameter[] } }>;
}

const { paths } = JSON.parse(
  readFileSync("../docs/openapi/workflow-manager.json", "utf8"),
) as Document;

/** How much a list gives at once at most, by the document of the server. */
function mostOf(pathname: string): number | undefined {
  const [, operations] =
    Object.entries(paths).find(([path]) =>
      new RegExp(`^${path.replace(/\{\w+\}/g, "[^/]+")}$`).test(pathname),
    ) ?? [];
  return operations?.get?.parameters?.find(({ name }) => name === "limit")?.schema.maximum;
}

afterEach(() => vi.unstubAllGlobals());

test("no list asks for more than the server gives at once", async () => {
  const asked: URL[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    asked.push(new URL(request.url));
    return Response.json([]);
  });
  const lists = [archive, commitments, images, imports, retrievals, routing, upkeep]
    .flatMap((part) => Object.entries<unknown>({ ...part }))
    .filter(([name, list]) => typeof list === "function" && /^(list|preview)/.test(name))
    .map(([, list]) => list as (...about: unknown[]) => Promise<unknown>);
  await Promise.all(lists.map((list) => list("x", null, 0)));
  const limited = asked.filter(({ pathname }) => mostOf(pathname) !== undefined);
  const over = limited
    .filter(({ pathname, searchParams }) => {
      const limit = searchParams.get("limit");
      return limit !== null && Number(limit) > (mostOf(pathname) as number);
    })
    .map(({ pathname, search }) => pathname + search);
  expect(over).toEqual([]);
  expect(limited.length).toBeGreaterThan(10);
});
