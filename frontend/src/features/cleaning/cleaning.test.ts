import { expect, test } from "vitest";

import type { Cleaner, CleaningPreview } from "../../api/upkeep";
import { anEvent } from "../../testing/builders";
import {
  diskState,
  lastCleaning,
  removedByHand,
  removesNothing,
  retentionFacts,
  usedShare,
} from "./cleaning";

const GIB = 2 ** 30;
const NONE = { offpeak_only: false };
const aCleaner = (over_bytes: number, above_percent: number | null = 80): Cleaner => ({
  retention: { above_percent, offpeak_only: false },
  free_bytes: 25 * GIB,
  total_bytes: 100 * GIB,
  over_bytes,
});
const aPreview = (size_bytes: number, more = false) => ({ size_bytes, more }) as CleaningPreview;

test("what no setting limits stays for ever, and that is said", () => {
  const facts = retentionFacts({ ...NONE, sent_days: 14, discarded_days: 0.5 });
  expect(facts.map(({ value }) => value)).toEqual([
    "14\u202fdays",
    "for ever",
    "12\u202fh",
    "for ever",
    "for ever",
  ]);
  expect(removesNothing({ offpeak_only: true })).toBe(true);
  expect(removesNothing({ ...NONE, above_percent: 90 })).toBe(false);
});

test("a disk that is too full is a fault only where not enough may go", () => {
  expect(usedShare(aCleaner(0))).toBe(0.75);
  expect(diskState(aCleaner(0, null), undefined).words).toMatch(/no limit/);
  expect(diskState(aCleaner(0), undefined).look.word).toBe("OK");
  expect(diskState(aCleaner(2 * GIB), aPreview(3 * GIB)).look.word).toBe("Warning");
  expect(diskState(aCleaner(2 * GIB), aPreview(GIB, true)).look.word).toBe("Warning");
  const stuck = diskState(aCleaner(2 * GIB), aPreview(GIB));
  expect(stuck.look.word).toBe("Failing");
  expect(stuck.words).toContain("Only 1.0\u202fGiB may");
});

test("the last cleaning is what went without a pause, summed up by kind and reason", () => {
  const removed = (time: string, data: Record<string, unknown>) =>
    anEvent("cleaner.removed", data, { time: `2026-01-02T${time}:00Z`, id: time });
  const old = removed("02:00", { fate: "sent", instances: 100, bytes: 1000, reason: "old" });
  const found = lastCleaning([
    old,
    removed("03:00", { fate: "sent", instances: 2, bytes: 20, reason: "old" }),
    removed("03:05", { fate: "sent", instances: 3, bytes: 30, reason: "old" }),
    removed("03:06", { kind: "quarantine", files: 1, bytes: 5 }),
  ]);
  expect(found?.bytes).toBe(55);
  expect(found?.rows).toEqual([
    { what: "Files that could not be read", reason: "", count: 1, bytes: 5 },
    { what: "Images at a target too", reason: "old", count: 5, bytes: 50 },
  ]);
  expect(lastCleaning([])).toBeNull();
});

test("what people removed is told apart from what the cleaner took, with who and why", () => {
  const byHand = anEvent(
    "cleaner.removed",
    { fate: "by_hand", instances: 12, bytes: 7, reason: "test_data", study_instance_uid: "1.2" },
    { actor: "user:ada", time: "2026-01-02T04:00:00Z", id: "by hand" },
  );
  expect(lastCleaning([byHand])).toBeNull();
  expect(removedByHand([anEvent("cleaner.removed", { fate: "sent" }), byHand])).toEqual([
    {
      id: "by hand",
      time: "2026-01-02T04:00:00Z",
      who: "ada",
      why: "Test images",
      images: 12,
      study: "1.2",
    },
  ]);
});
