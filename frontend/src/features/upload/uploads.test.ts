import { expect, test, vi } from "vitest";

import type { Import, uploadFiles } from "../../api/imports";
import { sizeWords } from "../../shared/size";
import { resultWords } from "./looks";
import { Uploads } from "./uploads";

const OPTIONS = { forcedRule: "", dataset: "" };
const aFile = (name: string, size = 4) => new File([new Uint8Array(size)], name);

/** The line to the server, held in the hand of the test. */
function aLine() {
  const sent: {
    names: string[];
    progress: (bytes: number) => void;
    settle: (e?: Error) => void;
  }[] = [];
  const send: typeof uploadFiles = (files, _options, progress, signal) =>
    new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(new DOMException("Canceled", "AbortError")));
      sent.push({
        names: files.map(({ name }) => name),
        progress,
        settle: (error) => (error ? reject(error) : resolve({} as Import)),
      });
    });
  return { sent, uploads: new Uploads(send) };
}
const states = (uploads: Uploads) => uploads.store.get().map(({ name, state }) => [name, state]);

test("uploads go one after the other, the oldest first, and leave the list when they are there", async () => {
  const { sent, uploads } = aLine();
  const told = vi.fn();
  uploads.onSent = told;
  uploads.add([aFile("a.dcm"), aFile("b.dcm")], OPTIONS);
  uploads.add([aFile("c.zip")], OPTIONS);
  expect(states(uploads)).toEqual([
    ["c.zip", "waiting"],
    ["a.dcm and 1 more", "sending"],
  ]);
  sent[0]?.progress(5000);
  expect(uploads.store.get()[1]?.sent).toBe(8);
  sent[0]?.settle();
  await vi.waitFor(() => expect(states(uploads)).toEqual([["c.zip", "sending"]]));
  expect(told).toHaveBeenCalledOnce();
  expect(sent.map(({ names }) => names)).toEqual([["a.dcm", "b.dcm"], ["c.zip"]]);
});

test("an upload that fails says why, holds up no other, and is sent again when asked", async () => {
  const { sent, uploads } = aLine();
  uploads.add([aFile("a.dcm")], OPTIONS);
  uploads.add([aFile("b.dcm")], OPTIONS);
  sent[0]?.settle(new Error("No room."));
  await vi.waitFor(() =>
    expect(states(uploads)).toEqual([
      ["b.dcm", "sending"],
      ["a.dcm", "failed"],
    ]),
  );
  const failed = uploads.store.get()[1];
  expect(failed?.error).toEqual(new Error("No room."));
  uploads.retry(failed?.id ?? "");
  sent[1]?.settle();
  await vi.waitFor(() => expect(states(uploads)).toEqual([["a.dcm", "sending"]]));
});

test("what is canceled is not sent, whether it waits or is under way", async () => {
  const { sent, uploads } = aLine();
  uploads.add([aFile("a.dcm")], OPTIONS);
  uploads.add([aFile("b.dcm")], OPTIONS);
  for (const { id } of uploads.store.get()) uploads.cancel(id);
  await vi.waitFor(() =>
    expect(states(uploads).map(([, state]) => state)).toEqual(["canceled", "canceled"]),
  );
  expect(sent).toHaveLength(1);
});

test("sizes and results are told in words", () => {
  expect(["0", "1023", "2048", "734003200"].map((n) => sizeWords(Number(n)))).toEqual([
    "0\u202fB",
    "1023\u202fB",
    "2.0\u202fKiB",
    "700\u202fMiB",
  ]);
  const none = { files: 0, stored: 0, duplicates: 0, conflicts: 0, refused: 0 } as Import;
  expect(resultWords(none)).toBe("Nothing yet");
  expect(resultWords({ ...none, files: 4, stored: 3, refused: 1 })).toBe("3 stored, 1 no image");
});
