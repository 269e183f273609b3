import { metaData } from "@cornerstonejs/core";
import { registerDefaultProviders } from "@cornerstonejs/metadata";
import { expect, it } from "vitest";

import { imageIdsOf } from "./sources";

const url = "http://here/dicomweb/studies/1/series/2/instances/3";
const instance = { study: "1", series: "2", uid: "3", frames: 3 };
const metadata = {
  "00080060": { vr: "CS", Value: ["MR"] },
  "00100020": { vr: "LO", Value: ["C-1867"] },
  "7FE00010": { vr: "OW", BulkDataURI: "http://here/bulk" },
};

it("fetches a file of one frame whole, and asks for nothing before", async () => {
  const asked = () => Promise.reject(new Error("nobody asks"));
  const images = [{ url: "http://here/result.dcm" }, { url, instance: { ...instance, frames: 1 } }];
  expect(await imageIdsOf(images, asked)).toEqual([
    "wadouri:http://here/result.dcm",
    `wadouri:${url}`,
  ]);
});

it("names each of several frames, which know whose they are before one is fetched", async () => {
  registerDefaultProviders();
  const ids = await imageIdsOf([{ url, instance }], () => Promise.resolve(metadata));
  expect(ids).toEqual([1, 2, 3].map((frame) => `wadors:${url}/frames/${frame}`));
  const known = metaData.get("naturalized", ids[2]!) as Record<string, unknown>;
  expect(String(known.PatientID)).toBe("C-1867");
  expect(known.PixelData).toBeUndefined();
});
