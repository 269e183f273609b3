import { expect, test } from "vitest";

import { byField, draftOf, readDraft, readObject, REST, withoutEntry } from "./draft";
import { fieldsOf, type JsonObject } from "./schema";

const SCHEMA = {
  type: "object",
  required: ["larmor_frequency", "shims"],
  properties: {
    larmor_frequency: { type: "number", minimum: 1_900_000, maximum: 2_300_000 },
    averages: { type: "integer" },
    note: { type: "string", maxLength: 5 },
    coil: { enum: ["head", "knee"] },
    cooled: { type: "boolean" },
    spare: { type: ["number", "null"] },
    shims: { type: "array", items: { type: "number" }, minItems: 3, maxItems: 3 },
    echoes: { type: "array", items: { type: "number" }, maxItems: 4 },
    amplifier: { type: "object", properties: { gain: { type: "number" } } },
    table: { type: "object" },
  },
};
const fields = fieldsOf(SCHEMA);

const DOCUMENTS: JsonObject[] = [
  { larmor_frequency: 2_000_143.25, shims: [0.1, 0, -0.2] },
  {
    larmor_frequency: 2e6,
    averages: 4,
    note: "",
    coil: "knee",
    cooled: false,
    spare: null,
    shims: [1e-7, 0, 3],
    echoes: [],
    amplifier: { gain: 2, maker: { name: "x" } },
    table: { a: [1, null] },
    own: { deep: [true] },
  },
  { larmor_frequency: 2e6, shims: [0, 0, 0], echoes: [1, 2], amplifier: {}, note: "ab" },
];

test.each(DOCUMENTS)("what nobody touches comes out as it went in (%#)", (document) => {
  expect(readDraft(fields, draftOf(fields, document))).toEqual({
    parameter: document,
    problems: {},
  });
});

test.each([
  ["larmor_frequency", "2000000,5", 2_000_000.5],
  ["larmor_frequency", " 2.1e6 ", 2_100_000],
  ["averages", "-3", -3],
  ["cooled", "true", true],
  ["coil", '"head"', "head"],
  ["note", "1e3", "1e3"],
  ["table", '{"b": 1}', { b: 1 }],
])("%s typed %s is %j", (name, typed, value) => {
  const draft = { ...draftOf(fields, DOCUMENTS[0] as JsonObject), [name]: typed };
  const { parameter, problems } = readDraft(fields, draft);
  expect(problems).toEqual({});
  expect(parameter[name]).toEqual(value);
});

test.each([
  ["larmor_frequency", "", "is needed"],
  ["larmor_frequency", "2 MHz", "has to be a number"],
  ["larmor_frequency", "Infinity", "has to be a number"],
  ["larmor_frequency", "2400000", "has to be 1900000 to 2300000"],
  ["averages", "1.5", "has to be a whole number"],
  ["note", "sixsix", "may have at most 5 characters"],
  ["coil", '"foot"', "has to be one of head, knee"],
  ["shims.1", "", "is needed"],
  ["shims.1", "x", "has to be a number"],
])("%s typed %j is told at the field: %s", (path, typed, problem) => {
  const draft = { ...draftOf(fields, DOCUMENTS[0] as JsonObject), [path]: typed };
  expect(readDraft(fields, draft).problems).toEqual({ [path]: problem });
});

test("JSON that cannot be read is told at its field", () => {
  const draft = { ...draftOf(fields, DOCUMENTS[0] as JsonObject), table: "{", [REST]: "[1]" };
  expect(Object.keys(readDraft(fields, draft).problems)).toEqual(["table", REST]);
  for (const typed of ["", "{", "[1]", "null", "3"]) {
    expect(readObject(typed)).toHaveProperty("problem");
  }
});

test("what is emptied is left out, and an entry that is taken out moves the rest up", () => {
  const draft = draftOf(fields, DOCUMENTS[2] as JsonObject);
  const list = fields.find(({ name }) => name === "echoes");
  if (!list) throw new Error("no list");
  const { parameter } = readDraft(fields, withoutEntry({ ...draft, note: "" }, list, 0));
  expect(parameter).not.toHaveProperty("note");
  expect(parameter.echoes).toEqual([2]);
});

test("a value of another kind than the schema says can be seen and mended", () => {
  const draft = draftOf(fields, { larmor_frequency: "high", shims: "none" });
  expect(draft).toMatchObject({ larmor_frequency: "high", shims: "none" });
  expect(Object.keys(readDraft(fields, draft).problems)).toEqual(["larmor_frequency", "shims"]);
});

test("what the server says is shown at the field that can be mended", () => {
  const draft = draftOf(fields, DOCUMENTS[1] as JsonObject);
  const found = [
    { field: "shims.1", problem: "is too large" },
    { field: "amplifier.gain", problem: "is too small" },
    { field: "table.a.0", problem: "is no text" },
    { field: "own", problem: "is no parameter of this type of device" },
    { field: "", problem: "does not follow the schema" },
  ];
  expect(byField(fields, draft, found)).toEqual({
    "shims.1": "is too large",
    "amplifier.gain": "is too small",
    table: "table.a.0: is no text",
    "": "own: is no parameter of this type of device; does not follow the schema",
  });
});
