import type { WayBackProps } from "../../shared/VersionHistory";

/** Settings as lines of an environment file. Pure. */

/** What has to be set so that a program is as it was: a line for each change. */
export const linesOf = (changes: WayBackProps["changes"]): string =>
  changes.map(({ field, after }) => lineOf(field, after)).join("\n");

function lineOf(variable: string, value: unknown): string {
  if (value === "set, not shown") return `# ${variable}: a secret, which nobody was told`;
  if (value === null || value === undefined || value === "" || value === "not set") {
    return `# ${variable}: not set`;
  }
  return `${variable}=${typeof value === "string" ? value : JSON.stringify(value)}`;
}
