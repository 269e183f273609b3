import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";

import * as archive from "./archive";
import * as commitments from "./commitments";
import * as api from "./images";
import * as imports from "./imports";
import { allRows, numberedPagesOf, pagesOf } from "./pages";
import * as retrievals from "./retrievals";

/** What is asked anew when something of it has changed is below its first part. */
export const imageKeys = {
  cases: ["cases"] as const,
  caseList: (filter: api.CaseFilter) => ["cases", "list", filter] as const,
  case: (id: string) => ["cases", "one", id] as const,
  dispatches: ["dispatches"] as const,
  queue: (filter: api.DispatchFilter) => ["dispatches", "list", filter] as const,
  dispatch: (id: string) => ["dispatches", "one", id] as const,
  dispatchHistory: (id: string) => ["dispatches", "one", id, "history"] as const,
  pauses: ["dispatches", "pauses"] as const,
  archive: ["archive"] as const,
  studies: (search: archive.StudySearch) => ["archive", "studies", search] as const,
  study: (uid: string) => ["archive", "study", uid] as const,
  seriesOf: (study: string) => ["archive", "study", study, "series"] as const,
  instances: (study: string, series: string) => ["archive", "instances", study, series] as const,
  annotations: ["annotations"] as const,
  annotationsOf: (series: string) => ["annotations", series] as const,
  keptAside: ["archive", "kept aside"] as const,
  imports: ["imports"] as const,
  importList: ["imports", "list"] as const,
  import: (id: string) => ["imports", "one", id] as const,
  importFiles: (id: string, outcome: imports.Outcome | null) =>
    ["imports", "one", id, "files", outcome] as const,
  datasets: ["imports", "data sets"] as const,
  importFolders: (folder: string[]) => ["import folders", ...folder] as const,
  retrievals: ["retrievals"] as const,
  retrievalList: ["retrievals", "list"] as const,
  retrieval: (id: string) => ["retrievals", "one", id] as const,
  accessions: (id: string, state: retrievals.AccessionState | null) =>
    ["retrievals", "one", id, "accessions", state] as const,
  commitments: ["commitments"] as const,
  commitmentList: (state: commitments.CommitmentState | null) =>
    ["commitments", "list", state] as const,
  commitment: (id: string) => ["commitments", "one", id] as const,
  targets: ["targets"] as const,
  rules: ["rules"] as const,
};

const idOf = ({ id }: { id: string }) => id;

export const imageQueries = {
  cases: (filter: api.CaseFilter) =>
    pagesOf(
      imageKeys.caseList(filter),
      api.CASES_PER_PAGE,
      (before) => api.listCases(filter, before),
      idOf,
    ),
  case: (id: string) =>
    queryOptions({ queryKey: imageKeys.case(id), queryFn: () => api.getCase(id) }),
  queue: (filter: api.DispatchFilter) =>
    pagesOf(
      imageKeys.queue(filter),
      api.DISPATCHES_PER_PAGE,
      (before) => api.listQueue(filter, before),
      idOf,
    ),
  dispatch: (id: string) =>
    queryOptions({ queryKey: imageKeys.dispatch(id), queryFn: () => api.getDispatch(id) }),
  dispatchHistory: (id: string) =>
    queryOptions({
      queryKey: imageKeys.dispatchHistory(id),
      queryFn: () => api.listHistoryOf(id),
    }),
  studies: (search: archive.StudySearch) =>
    infiniteQueryOptions({
      queryKey: imageKeys.studies(search),
      queryFn: ({ pageParam }) => archive.searchStudies(search, pageParam),
      initialPageParam: 0,
      // A text is looked for in several attributes at once: such answers have one page.
      getNextPageParam: (page, all) =>
        search.text.trim() !== "" || page.length < archive.STUDIES_PER_PAGE
          ? undefined
          : all.length * archive.STUDIES_PER_PAGE,
      select: allRows,
      placeholderData: keepPreviousData,
    }),
  study: (uid: string) =>
    queryOptions({ queryKey: imageKeys.study(uid), queryFn: () => archive.getStudy(uid) }),
  seriesOf: (study: string) =>
    queryOptions({
      queryKey: imageKeys.seriesOf(study),
      queryFn: () => archive.listSeriesOf(study),
    }),
  instances: (study: string, series: string) =>
    queryOptions({
      queryKey: imageKeys.instances(study, series),
      queryFn: () => archive.listInstances(study, series),
    }),
  keptAside: pagesOf(imageKeys.keptAside, archive.ASIDE_PER_PAGE, archive.listKeptAside, idOf),
  imports: pagesOf(imageKeys.importList, imports.IMPORTS_PER_PAGE, imports.listImports, idOf),
  import: (id: string) =>
    queryOptions({ queryKey: imageKeys.import(id), queryFn: () => imports.getImport(id) }),
  importFiles: (id: string, outcome: imports.Outcome | null) =>
    numberedPagesOf(imageKeys.importFiles(id, outcome), (after) =>
      imports.listImportFiles(id, outcome, after),
    ),
  datasets: queryOptions({ queryKey: imageKeys.datasets, queryFn: imports.listDatasets }),
  /** Asked each time: a folder of the server tells nobody what changes in it. */
  importFolders: (folder: string[]) =>
    queryOptions({
      queryKey: imageKeys.importFolders(folder),
      queryFn: () => imports.listImportFolders(folder),
      staleTime: 0,
    }),
  retrievals: pagesOf(
    imageKeys.retrievalList,
    retrievals.RETRIEVALS_PER_PAGE,
    retrievals.listRetrievals,
    idOf,
  ),
  retrieval: (id: string) =>
    queryOptions({
      queryKey: imageKeys.retrieval(id),
      queryFn: () => retrievals.getRetrieval(id),
    }),
  accessions: (id: string, state: retrievals.AccessionState | null) =>
    numberedPagesOf(imageKeys.accessions(id, state), (after) =>
      retrievals.listAccessions(id, state, after),
    ),
  commitments: (state: commitments.CommitmentState | null) =>
    pagesOf(
      imageKeys.commitmentList(state),
      commitments.COMMITMENTS_PER_PAGE,
      (before) => commitments.listCommitments(state, before),
      idOf,
    ),
  commitment: (id: string) =>
    queryOptions({
      queryKey: imageKeys.commitment(id),
      queryFn: () => commitments.getCommitment(id),
    }),
  pauses: queryOptions({ queryKey: imageKeys.pauses, queryFn: api.listPauses }),
  targets: queryOptions({ queryKey: imageKeys.targets, queryFn: api.listTargets }),
  rules: queryOptions({ queryKey: imageKeys.rules, queryFn: api.listRules }),
};
