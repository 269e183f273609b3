import { expect, test } from "vitest";

import type { HealthPart } from "../../api/routing";
import { freeShare, groupsOf, headline } from "./health";

const part = (name: string, state: HealthPart["state"], kind: string = "queue"): HealthPart => ({
  kind: kind as HealthPart["kind"],
  name,
  state,
  detail: "",
  numbers: {},
});

test("parts stand in groups, the worst first, and a kind that is not known last", () => {
  const groups = groupsOf([
    part("scanner room", "ok", "weather"),
    part("runs", "ok"),
    part("dispatch", "failing"),
    part("DICOM", "ok", "listener"),
  ]);
  expect(groups.map(({ title }) => title)).toEqual(["Listeners", "Queues", "Weather"]);
  expect(groups[1]?.parts.map(({ name }) => name)).toEqual(["dispatch", "runs"]);
});

test("the headline names what to look at, services before parts, failing before warning", () => {
  expect(headline([part("runs", "ok")], [])).toBe("Everything works.");
  const down = [{ name: "Devices", problem: "No answer" }];
  expect(headline([part("disk", "warning"), part("PACS", "failing")], down)).toBe(
    "Look at Devices, PACS, disk.",
  );
});

test("only a disk has a share that is free", () => {
  const disk = { ...part("images", "ok", "disk"), numbers: { free_bytes: 25, total_bytes: 100 } };
  expect(freeShare(disk)).toBe(0.25);
  expect(freeShare(part("runs", "ok"))).toBeNull();
});
