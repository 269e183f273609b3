import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

import { answer, client } from "./client";
import type { components as exam } from "./exam-manager";
import { allRows, pagesOf } from "./pages";
import type { AcquisitionTask, Exam, JobTask, PatientPosition, Workflow } from "./types";

/** The library: protocols in versions, the sequences that they play, and what comes ready made. */

type Schemas = exam["schemas"];
export type Protocol = Schemas["ProtocolOut"];
export type ProtocolVersion = Schemas["ProtocolVersionOut"];
export type Standing = ProtocolVersion["standing"];
export type ProtocolDiff = Schemas["ProtocolDiff"];
export type ProtocolChange = Schemas["ProtocolChange"];
export type ImportedProtocols = Schemas["ImportedProtocols"];
export type ExampleProtocol = Schemas["ExampleProtocol"];
export type Sequence = Schemas["MRISequenceOut"];
export type SequenceMade = Schemas["MRISequenceCreated"];
export type SequenceIn = Schemas["BaseMRISequence"];
export type SequenceFacts = Schemas["SequenceFacts"];
export type SequenceUse = Schemas["SequenceUse"];
export type SequenceDiff = Schemas["SequenceDiff"];
export type TaskIn = Schemas["BaseAcquisitionTask"] | Schemas["BaseDAGTask"];

const ifMatch = (version: number) => ({ "If-Match": `"${version}"` });

// --- protocols -------------------------------------------------------------------------------

export const PROTOCOLS_PER_PAGE = 100;
export const listProtocols = (search: string, released: boolean | null, after: string | null) =>
  answer(
    client.GET("/api/v1/exam/protocols", {
      params: {
        query: {
          limit: PROTOCOLS_PER_PAGE,
          ...(search && { search }),
          ...(released !== null && { released }),
          ...(after && { after }),
        },
      },
    }),
  );
export const listProtocolVersions = (exam_id: string) =>
  answer(
    client.GET("/api/v1/exam/templates/{exam_id}/versions", { params: { path: { exam_id } } }),
  );
export const compareProtocols = (left: string, right: string) =>
  answer(client.GET("/api/v1/exam/templates/diff", { params: { query: { left, right } } }));
/** Refused (412) unless `version` is the one that was read. */
export const releaseProtocol = (exam_id: string, version: number, comment: string) =>
  answer(
    client.POST("/api/v1/exam/templates/{exam_id}/release", {
      params: { path: { exam_id }, header: ifMatch(version) },
      body: { comment },
    }),
  );
export const retireProtocol = (exam_id: string, version: number) =>
  answer(
    client.POST("/api/v1/exam/templates/{exam_id}/retire", {
      params: { path: { exam_id }, header: ifMatch(version) },
    }),
  );
export const reviseProtocol = (exam_id: string) =>
  answer(client.POST("/api/v1/exam/templates/{exam_id}/revise", { params: { path: { exam_id } } }));
interface ProtocolWords {
  name: string;
  description: string;
  patient_position: PatientPosition | null;
}

export const createProtocol = (words: ProtocolWords) =>
  answer(client.POST("/api/v1/exam/new", { body: { ...words, status: "NEW", is_template: true } }));
export const updateProtocol = (
  { id, version }: Exam,
  body: ProtocolWords & { indication: string | null; comment: string | null },
) =>
  answer(
    client.PUT("/api/v1/exam/{exam_id}", {
      params: { path: { exam_id: id }, header: ifMatch(version) },
      body: { ...body, status: "NEW", is_template: true },
    }),
  );
export const deleteProtocolVersion = (exam_id: string) =>
  answer(client.DELETE("/api/v1/exam/{exam_id}", { params: { path: { exam_id } } }));

export const addWorkflow = (exam_id: string, name: string) =>
  answer(
    client.POST("/api/v1/exam/workflow/new", {
      body: { exam_id, name, description: "", status: "NEW", is_template: true },
    }),
  );
export const updateWorkflow = (workflow: Workflow, name: string, description: string) =>
  answer(
    client.PUT("/api/v1/exam/workflow/{workflow_id}", {
      params: { path: { workflow_id: workflow.id }, header: ifMatch(workflow.version) },
      body: {
        exam_id: workflow.exam_id,
        name,
        description,
        comment: workflow.comment,
        status: workflow.status,
        is_template: true,
      },
    }),
  );
export const deleteWorkflow = ({ id, version }: Workflow) =>
  answer(
    client.DELETE("/api/v1/exam/workflow/{workflow_id}", {
      params: { path: { workflow_id: id }, header: ifMatch(version) },
    }),
  );
export const addTask = (body: TaskIn) => answer(client.POST("/api/v1/exam/task/new", { body }));
export const updateTask = (task: AcquisitionTask | JobTask) =>
  answer(
    client.PUT("/api/v1/exam/task/{task_id}", {
      params: { path: { task_id: task.id }, header: ifMatch(task.version) },
      body: task,
    }),
  );
export const deleteTask = ({ id, version }: AcquisitionTask | JobTask) =>
  answer(
    client.DELETE("/api/v1/exam/task/{task_id}", {
      params: { path: { task_id: id }, header: ifMatch(version) },
    }),
  );
export const reorderTasks = (task_ids: string[]) =>
  answer(client.PUT("/api/v1/exam/task/reorder", { body: { task_ids } }));

/** A file of protocols, as it was exported elsewhere. */
export const importProtocols = (file: File, as_versions: boolean) => {
  const form = new FormData();
  form.set("file", file);
  return answer(
    client.POST("/api/v1/exam/protocols/import", {
      params: { query: { as_versions } },
      // The type of the body is that of its JSON form; this is the other one.
      body: form as unknown as Schemas["ProtocolsFile"],
      bodySerializer: (body) => body,
    }),
  );
};
export const exportProtocol = (exam_id: string) =>
  answer(
    client.GET("/api/v1/exam/templates/{exam_id}/export", {
      params: { path: { exam_id } },
      parseAs: "blob",
    }),
  ) as Promise<unknown> as Promise<Blob>;

// --- ready protocols -------------------------------------------------------------------------

export const listExamples = () => answer(client.GET("/api/v1/exam/protocols/examples"));
export const takeExample = (key: string, device_id: string | null) =>
  answer(
    client.POST("/api/v1/exam/protocols/examples/{key}", {
      params: { path: { key } },
      body: { device_id },
    }),
  );

// --- sequences -------------------------------------------------------------------------------

export const SEQUENCES_PER_PAGE = 100;
export const listSequencesFound = (search: string, newest: boolean, after: string | null) =>
  answer(
    client.GET("/api/v1/exam/sequences/all", {
      params: {
        query: {
          limit: SEQUENCES_PER_PAGE,
          newest,
          ...(search && { search }),
          ...(after && { after }),
        },
      },
    }),
  );
const ofSequence = (sequence_id: string) => ({ params: { path: { sequence_id } } });
export const listSequenceVersions = (id: string) =>
  answer(client.GET("/api/v1/exam/sequence/{sequence_id}/versions", ofSequence(id)));
export const listSequenceUses = (sequence_id: string) =>
  answer(
    client.GET("/api/v1/exam/sequence/{sequence_id}/tasks", {
      params: { path: { sequence_id }, query: { all_versions: true, limit: 100 } },
    }),
  );
export const compareSequences = (left: string, right: string) =>
  answer(client.GET("/api/v1/exam/sequences/diff", { params: { query: { left, right } } }));
export const downloadSequence = (id: string) =>
  answer(
    client.GET("/api/v1/exam/sequence/{sequence_id}/file", {
      ...ofSequence(id),
      parseAs: "blob",
    }),
  ) as Promise<unknown> as Promise<Blob>;
export const updateSequence = (sequence_id: string, version: number, body: SequenceIn) =>
  answer(
    client.PUT("/api/v1/exam/sequence/{sequence_id}", {
      params: { path: { sequence_id }, header: ifMatch(version) },
      body,
    }),
  );
export const deleteSequence = (id: string) =>
  answer(client.DELETE("/api/v1/exam/sequence/{sequence_id}", ofSequence(id)));

export interface SequenceUpload extends SequenceIn {
  file: File;
  header: File | null;
  /** Any version of the sequence that this is the next one of. */
  versionOf: string | null;
}
export const uploadSequence = (upload: SequenceUpload) => {
  const form = new FormData();
  form.set("seq_file", upload.file);
  if (upload.header) form.set("xml_file", upload.header);
  form.set("name", upload.name);
  form.set("description", upload.description ?? "");
  form.set("sequence_type", upload.sequence_type ?? "");
  for (const tag of upload.tags ?? []) form.append("tags", tag);
  if (upload.versionOf) form.set("version_of", upload.versionOf);
  return answer(
    client.POST("/api/v1/exam/sequence", {
      // Files are strings in a format to the document; here they are files.
      body: form as unknown as Schemas["Body_create_sequence"],
      bodySerializer: (body) => body,
    }),
  );
};

// --- queries ---------------------------------------------------------------------------------

export const libraryKeys = {
  protocols: ["templates", "library"] as const,
  versions: (id: string) => ["templates", "versions", id] as const,
  diff: (left: string, right: string) => ["templates", "diff", left, right] as const,
  examples: ["templates", "examples"] as const,
  sequences: ["sequences", "library"] as const,
  sequenceVersions: (id: string) => ["sequences", "versions", id] as const,
  sequenceUses: (id: string) => ["sequences", "uses", id] as const,
  sequenceDiff: (left: string, right: string) => ["sequences", "diff", left, right] as const,
};

/** Below `templates` and `sequences`: what events of protocols and sequences ask anew. */
export const libraryQueries = {
  protocols: (search: string, released: boolean | null) =>
    pagesOf(
      [...libraryKeys.protocols, search, released],
      PROTOCOLS_PER_PAGE,
      (after) => listProtocols(search, released, after),
      ({ newest }) => newest.exam_id,
    ),
  versions: (examId: string) =>
    queryOptions({
      queryKey: libraryKeys.versions(examId),
      queryFn: () => listProtocolVersions(examId),
    }),
  diff: (left: string, right: string) =>
    queryOptions({
      queryKey: libraryKeys.diff(left, right),
      queryFn: () => compareProtocols(left, right),
    }),
  examples: queryOptions({ queryKey: libraryKeys.examples, queryFn: listExamples }),
  sequences: (search: string) =>
    infiniteQueryOptions({
      ...pagesOf(
        [...libraryKeys.sequences, search],
        SEQUENCES_PER_PAGE,
        (after) => listSequencesFound(search, true, after),
        ({ _id }) => _id,
      ),
      select: allRows<Sequence>,
    }),
  sequenceVersions: (id: string) =>
    queryOptions({
      queryKey: libraryKeys.sequenceVersions(id),
      queryFn: () => listSequenceVersions(id),
    }),
  sequenceUses: (id: string) =>
    queryOptions({
      queryKey: libraryKeys.sequenceUses(id),
      queryFn: () => listSequenceUses(id),
    }),
  sequenceDiff: (left: string, right: string) =>
    queryOptions({
      queryKey: libraryKeys.sequenceDiff(left, right),
      queryFn: () => compareSequences(left, right),
    }),
};
