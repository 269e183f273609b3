import { queryOptions } from "@tanstack/react-query";

import * as api from "./modules";

export const moduleKeys = {
  modules: ["modules"] as const,
  versions: (name: string) => ["modules", name, "versions"] as const,
  persistence: (name: string) => ["modules", name, "persistence"] as const,
  diff: (name: string, before: number, after: number) =>
    ["modules", name, "diff", before, after] as const,
};

export const moduleQueries = {
  modules: queryOptions({ queryKey: moduleKeys.modules, queryFn: api.listModules }),
  persistence: (name: string) =>
    queryOptions({
      queryKey: moduleKeys.persistence(name),
      queryFn: () => api.getPersistence(name),
    }),
  versions: (name: string) =>
    queryOptions({
      queryKey: moduleKeys.versions(name),
      queryFn: () => api.listModuleVersions(name),
    }),
  diff: (name: string, before: number, after: number) =>
    queryOptions({
      queryKey: moduleKeys.diff(name, before, after),
      queryFn: () => api.compareModuleVersions(name, before, after),
    }),
};
