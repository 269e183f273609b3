import { type Change, changesBetween, pathOf, same, withChanges } from "./changes";
import type { JsonObject } from "./schema";

/** Two people have changed the same version. Pure. */
export interface Conflict {
  theirs: Change[];
  mine: Change[];
  /** Paths that both have changed, and not to the same. */
  clashes: string[];
}

export function conflictOf(base: JsonObject, newest: JsonObject, edited: JsonObject): Conflict {
  const [theirs, mine] = [changesBetween(base, newest), changesBetween(base, edited)];
  const clashes = mine
    .filter((own) => theirs.some((other) => touches(own, other) && !same(own.after, other.after)))
    .map(pathOf);
  return { theirs, mine, clashes };
}

/** My changes made to the newest version; where both have changed the same, mine stand. */
export function rebased(newest: JsonObject, { mine }: Conflict): JsonObject {
  return withChanges(newest, mine);
}

/** Whether one lies within the other. */
function touches(one: Change, other: Change): boolean {
  const [left, right] = [`${pathOf(one)}.`, `${pathOf(other)}.`];
  return left.startsWith(right) || right.startsWith(left);
}
