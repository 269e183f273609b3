import { expect, test } from "vitest";

import type { Rule, Target } from "../../api/routing";
import { blankOf, draftOf, readDraft } from "../../shared/schema/draft";
import {
  addressOf,
  allFields,
  changedSecrets,
  newDraft,
  rulesOf,
  settingsOf,
  settingWords,
  targetLook,
} from "./target";

function aTarget(changes: Record<string, unknown> = {}): Target {
  return {
    name: "backup",
    target_type: "sftp",
    enabled: true,
    direction: "push",
    contact: "",
    comment: "",
    at_once: 1,
    max_bytes_per_s: null,
    host: "10.0.0.7",
    port: 22,
    folder: "/data/in",
    user: "scanhub",
    host_key: "",
    file_filter: [],
    secrets: ["password"],
    version: 2,
    created_at: "2026-01-02T08:30:00Z",
    ...changes,
  };
}

const edited = (target: Target) => draftOf(allFields(target.target_type), settingsOf(target));
const sent = (target: Target, draft: Record<string, string>) =>
  readDraft(allFields(target.target_type), draft);

test("a target that is opened and saved goes back as it came, without its secrets", () => {
  const target = aTarget();
  const { parameter, problems } = sent(target, edited(target));
  expect(problems).toEqual({});
  expect(parameter).toEqual(settingsOf(target));
  expect(parameter).not.toHaveProperty("password");
  expect(changedSecrets("sftp", edited(target))).toEqual([]);
});

test("a secret that is typed is set, one that is taken out is null, an empty one stays", () => {
  const draft = edited(aTarget());
  expect(sent(aTarget(), { ...draft, password: "new" }).parameter.password).toBe("new");
  const removed = { ...draft, [blankOf("password")]: "null" };
  expect(sent(aTarget(), removed).parameter.password).toBeNull();
  expect(changedSecrets("sftp", removed)).toEqual(["password"]);
  const typedAndEmptied = { ...draft, password: "" };
  expect(sent(aTarget(), typedAndEmptied).parameter).not.toHaveProperty("password");
});

test("a new target begins with what is usual and asks for what it needs", () => {
  const draft = newDraft("dicom");
  expect(draft.aet_source).toBe("SCANHUB");
  expect(Object.keys(sent(aTarget({ target_type: "dicom" }), draft).problems)).toEqual([
    "ip",
    "port",
    "aet_target",
  ]);
});

test("a private key keeps its lines", () => {
  expect(allFields("sftp").find(({ name }) => name === "private_key")).toMatchObject({
    secret: true,
    long: true,
  });
});

test("a pause and a switch are told before what the last attempts said", () => {
  const failing = {
    kind: "target",
    name: "backup",
    state: "failing",
    detail: "",
    numbers: {},
  } as const;
  const paused = { target: "backup", reason: "", paused_by: "user:ada", paused_at: "2026-01-02" };
  expect(targetLook(aTarget({ paused }), failing).word).toBe("Paused");
  expect(targetLook(aTarget({ enabled: false }), failing).word).toBe("Off");
  expect(targetLook(aTarget(), failing).word).toBe("Failing");
  expect(targetLook(aTarget(), { ...failing, state: "ok" }).word).toBe("Ready");
  const waiting = { ...failing, state: "warning", numbers: { waiting: 1 } } as const;
  expect(targetLook(aTarget(), waiting).word).toBe("Retrying");
  const mended = { ...failing, state: "warning", numbers: { waiting: 0, failed: 2 } } as const;
  expect(targetLook(aTarget(), mended).word).toBe("Failed");
  const tested = { ...failing, state: "warning", numbers: { waiting: 0 } } as const;
  expect(targetLook(aTarget(), tested).word).toBe("Test failed");
});

test("a target of which nothing is known yet is not said to be ready", () => {
  expect(targetLook(aTarget(), undefined).word).toBe("Unknown");
});

test("a target is used by every rule that names it, also as the other choice", () => {
  const rule = (name: string, target: string[], other = "") =>
    ({ name, target, conditional_alternate_target: other }) as Rule;
  const rules = [rule("a", ["backup", "x"]), rule("b", ["x"]), rule("c", [], "backup")];
  expect(rulesOf(rules, "backup").map(({ name }) => name)).toEqual(["a", "c"]);
});

test("settings say what they mean, also where nothing is set", () => {
  expect(settingWords("transfer_syntaxes", [])).toBe("as stored");
  expect(settingWords("transfer_syntaxes", ["1.2.840.10008.1.2.4.90", "1.2.3"])).toBe(
    "JPEG 2000 Lossless, 1.2.3",
  );
  expect(settingWords("file_filter", [])).toBe("none");
  expect(settingWords("direction", "pull")).toBe("images are fetched from there");
  expect(settingWords("port", 104)).toBe("104");
});

test("where a target is reads in one line", () => {
  expect(addressOf(aTarget())).toBe("scanhub@10.0.0.7:/data/in");
  const dicom = { target_type: "dicom", ip: "pacs", port: 104, aet_target: "PACS" };
  expect(addressOf(aTarget(dicom))).toBe("PACS at pacs:104");
});

test("a unit stands behind the value, and neither in the name nor in the description", () => {
  const fields = allFields("dicom");
  expect(fields.find(({ name }) => name === "commitment_timeout_s")).toMatchObject({
    label: "Commitment timeout",
    unit: "s",
    description: "Not confirmed after this long, it is asked again",
  });
  expect(fields.find(({ name }) => name === "max_bytes_per_s")).toMatchObject({
    label: "Bandwidth limit",
    unit: "byte/s",
  });
});
