import { isObject } from "./draft";
import type { Json, JsonObject } from "./schema";

/** Where two documents differ, member by member, and how to take a change over. Pure. */
export interface Change {
  path: string[];
  /** Undefined: it is not there. */
  before: Json | undefined;
  after: Json | undefined;
}

export function changesBetween(before: JsonObject, after: JsonObject): Change[] {
  return between([], before, after);
}

function between(path: string[], before: JsonObject, after: JsonObject): Change[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names.flatMap((name) => {
    const [left, right] = [before[name], after[name]];
    if (isObject(left) && isObject(right)) return between([...path, name], left, right);
    return same(left, right) ? [] : [{ path: [...path, name], before: left, after: right }];
  });
}

/** As JSON has it: the order of members does not count. */
export function same(left: Json | undefined, right: Json | undefined): boolean {
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((value, at) => same(value, right[at]));
  }
  if (isObject(left) && isObject(right)) return between([], left, right).length === 0;
  return left === right;
}

/** A document with changes that were made to an older one. */
export function withChanges(document: JsonObject, changes: Change[]): JsonObject {
  return changes.reduce((found, { path, after }) => put(found, path, after), document);
}

function put(document: JsonObject, [name = "", ...rest]: string[], value: Json | undefined) {
  const next = { ...document };
  if (rest.length > 0) {
    const inner = next[name];
    next[name] = put(isObject(inner) ? inner : {}, rest, value);
  } else if (value === undefined) delete next[name];
  else next[name] = value;
  return next;
}

export const pathOf = ({ path }: Change): string => path.join(".");
