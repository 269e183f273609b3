import { answer, client } from "./client";
import type { components } from "./workflow-manager";

/** The archive: studies, series and images of the index, over DICOMweb where the standard has it. */

export type SeriesOfStudy = components["schemas"]["SeriesOut"];
export type KeptAside = components["schemas"]["KeptAsideOut"];

/** An instance by its place in DICOMweb. */
export interface Instance {
  study: string;
  series: string;
  uid: string;
  frames: number;
  /** SOP Class UID: what kind of object it is. */
  sopClass?: string;
}

/** DICOM JSON (PS3.18 annex F): elements by tag. */
export type DicomJson = Record<string, { vr: string; Value?: unknown[] }>;

export interface Study {
  uid: string;
  patientName: string;
  patientId: string;
  birthDate: string;
  sex: string;
  date: string;
  time: string;
  description: string;
  accession: string;
  modalities: string[];
  series: number;
  instances: number;
}

export interface StudySearch {
  /** Part of a name, a patient ID or an accession number. */
  text: string;
  /** First day (`YYYYMMDD`), or none. */
  since: string | null;
}
export const STUDIES_PER_PAGE = 100;

/** A page of studies, newest first. */
export async function searchStudies(search: StudySearch, offset: number): Promise<Study[]> {
  const text = search.text.trim();
  if (text === "") return qido(search, {}, offset);
  // QIDO-RS joins by "and" only: each attribute is asked by itself.
  const attributes = ["PatientName", "PatientID", "AccessionNumber", "StudyDescription"];
  const found = await Promise.all(
    attributes.map((name) => qido(search, { [name]: `*${withoutWildcards(text)}*` }, offset)),
  );
  const byUid = new Map(found.flat().map((study) => [study.uid, study]));
  return newestFirst([...byUid.values()]);
}

export async function getStudy(uid: string): Promise<Study | null> {
  const [study] = await qido({ text: "", since: null }, { StudyInstanceUID: uid }, 0);
  return study ?? null;
}

async function qido({ since }: StudySearch, keys: Record<string, string>, offset: number) {
  const query = new URLSearchParams({
    limit: String(STUDIES_PER_PAGE),
    offset: String(offset),
    ...(since && { StudyDate: `${since}-` }),
    ...keys,
  });
  const found: unknown = await answer(
    client.GET("/api/v1/workflowmanager/dicomweb/studies", {
      // Attributes are no part of the OpenAPI document: there are too many.
      querySerializer: () => query.toString(),
    }),
  );
  return (found as DicomJson[]).map(studyOf);
}

const withoutWildcards = (text: string) => text.replace(/[*?\\]/g, " ").trim();

export function newestFirst(studies: Study[]): Study[] {
  return studies.toSorted(
    (a, b) => (b.date + b.time).localeCompare(a.date + a.time) || a.uid.localeCompare(b.uid),
  );
}

export function studyOf(json: DicomJson): Study {
  return {
    uid: first(json["0020000D"]),
    patientName: first(json["00100010"]),
    patientId: first(json["00100020"]),
    birthDate: first(json["00100030"]),
    sex: first(json["00100040"]),
    date: first(json["00080020"]),
    time: first(json["00080030"]),
    description: first(json["00081030"]),
    accession: first(json["00080050"]),
    modalities: (json["00080061"]?.Value ?? []).map(String),
    series: Number(first(json["00201206"]) || 0),
    instances: Number(first(json["00201208"]) || 0),
  };
}

function first(element: DicomJson[string] | undefined): string {
  const value = element?.Value?.[0];
  if (value === null || value === undefined) return "";
  if (typeof value === "object") {
    const { Alphabetic = "", Ideographic = "" } = value as Record<string, string>;
    return Alphabetic || Ideographic;
  }
  return String(value);
}

export const listSeriesOf = (study_instance_uid: string) =>
  answer(
    client.GET("/api/v1/workflowmanager/series", {
      params: { query: { study_instance_uid, limit: 500 } },
    }),
  );

const INSTANCES_PER_PAGE = 5000;

/** All instances of a series, in the order of their numbers. */
export async function listInstances(study: string, series: string): Promise<Instance[]> {
  const all: Instance[] = [];
  for (;;) {
    const query = new URLSearchParams({
      limit: String(INSTANCES_PER_PAGE),
      offset: String(all.length),
    });
    const page: unknown = await answer(
      client.GET("/api/v1/workflowmanager/dicomweb/studies/{study}/series/{series}/instances", {
        params: { path: { study, series } },
        querySerializer: () => query.toString(),
      }),
    );
    const found = (page as DicomJson[]).map((json) => ({
      study,
      series,
      uid: first(json["00080018"]),
      frames: Number(first(json["00280008"]) || 1),
      sopClass: first(json["00080016"]),
    }));
    all.push(...found);
    if (found.length < INSTANCES_PER_PAGE) return all;
  }
}

/** The data set of an instance but for its pixels. */
export async function getMetadata({ study, series, uid }: Instance): Promise<DicomJson> {
  const found: unknown = await answer(
    client.GET(
      "/api/v1/workflowmanager/dicomweb/studies/{study}/series/{series}/instances/{instance}/metadata",
      { params: { path: { study, series, instance: uid } } },
    ),
  );
  return (found as DicomJson[])[0] ?? {};
}
export const completeSeries = (series_instance_uid: string) =>
  answer(
    client.POST("/api/v1/workflowmanager/series/{series_instance_uid}/complete", {
      params: { path: { series_instance_uid } },
    }),
  );
export const ASIDE_PER_PAGE = 200;
/** What was kept aside: bytes that no index can take, second objects of a UID, other patients. */
export const listKeptAside = (before: string | null) =>
  answer(
    client.GET("/api/v1/workflowmanager/kept-aside", {
      params: { query: { limit: ASIDE_PER_PAGE, ...(before && { before }) } },
    }),
  );

/** Reads it once more, as if it had just come: what was in its way may be gone. */
export const recoverKept = (aside_id: string) =>
  answer(
    client.POST("/api/v1/workflowmanager/kept-aside/{aside_id}/recover", {
      params: { path: { aside_id } },
    }),
  );

const W = "/api/v1/workflowmanager";
/** The bytes of something that was kept aside; the session cookie opens it. */
export const keptFileUrl = (id: string) => `${W}/kept-aside/${id}/file`;
/** The session cookie opens it: an image element cannot send a token. */
export const thumbnailUrl = (study: string, series: string) =>
  `${W}/dicomweb/studies/${encodeURIComponent(study)}/series/${encodeURIComponent(series)}/thumbnail`;
/** Where the loader of the viewer fetches an instance (WADO-RS). */
export const instanceUrl = ({ study, series, uid }: Instance) =>
  `${window.location.origin}${W}/dicomweb/studies/${encodeURIComponent(study)}/series/${encodeURIComponent(series)}/instances/${encodeURIComponent(uid)}`;
