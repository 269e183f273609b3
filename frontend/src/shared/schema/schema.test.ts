import { expect, test } from "vitest";

import { type Field, fieldsOf, limitsInWords } from "./schema";

const one = (schema: object): Field => {
  const [field] = fieldsOf({ type: "object", properties: { it: schema } });
  if (!field) throw new Error("no field");
  return field;
};

test("what the schema refers to is taken in, and the narrower limit holds", () => {
  const [shims] = fieldsOf({
    type: "object",
    required: ["shims"],
    properties: {
      shims: {
        $ref: "#/$defs/axes",
        title: "Linear shims",
        unit: "mT/m",
        items: { minimum: -1, maximum: 1 },
      },
    },
    $defs: {
      axes: {
        type: "array",
        items: { type: "number", maximum: 5 },
        minItems: 3,
        maxItems: 3,
      },
    },
  });
  expect(shims).toMatchObject({ kind: "list", label: "Linear shims", required: true });
  expect(shims?.limits).toEqual({ minItems: 3, maxItems: 3 });
  expect(shims?.entry).toMatchObject({
    kind: "number",
    unit: "mT/m",
    limits: { minimum: -1, maximum: 1 },
  });
});

test.each([
  [{ type: "number" }, "number"],
  [{ type: ["integer", "null"] }, "integer"],
  [{ anyOf: [{ type: "string" }, { type: "null" }] }, "text"],
  [{ enum: ["a", 2, null] }, "choice"],
  [{ type: "boolean" }, "boolean"],
  [{ type: "object", properties: { a: { type: "number" } } }, "group"],
  [{ type: "object" }, "json"],
  [{ type: "array", items: { type: "object" } }, "json"],
  [{ type: "array", prefixItems: [{ type: "number" }] }, "json"],
  [{ oneOf: [{ type: "string" }, { type: "number" }] }, "json"],
  [{}, "json"],
] as const)("%j is drawn as %s", (schema, kind) => {
  expect(one(schema).kind).toBe(kind);
});

test("a schema that refers to itself ends, as JSON where it gets too deep", () => {
  const fields = fieldsOf({
    type: "object",
    properties: { coil: { $ref: "#" } },
  });
  expect(fields[0]?.fields[0]?.fields[0]?.fields[0]?.kind).toBe("json");
});

test.each([
  [{ type: "number", minimum: 0.1, maximum: 10 }, "0.1 to 10"],
  [{ type: "number", exclusiveMinimum: 0, maximum: 100 }, "more than 0, at most 100"],
  [{ type: "number", maximum: 3 }, "at most 3"],
  [{ type: "number" }, null],
  [{ type: "string", minLength: 2, maxLength: 8 }, "2 to 8 characters"],
])("the limits of %j in words are %s", (schema, words) => {
  expect(limitsInWords(one(schema))).toBe(words);
});

test("a unit of 1 is none, and a name with a point is left to the JSON part", () => {
  expect(one({ type: "number", unit: "1" }).unit).toBeNull();
  expect(fieldsOf({ type: "object", properties: { "a.b": { type: "number" } } })).toEqual([]);
});
