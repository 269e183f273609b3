/**
 * Which place of a table shows which row, while many rows pass through few places. A place whose
 * row has gone is given to one that came: its elements get other words, and none is made anew.
 */
export class Slots {
  #of = new Map<string, number>();
  #made = 0;

  /**
   * Rows that stay keep their places.
   *
   * @param kept The row whose place is given to no other one: the focus is there, and must not
   *   move to another patient by itself.
   */
  assign(ids: string[], kept: string | null = null): Map<string, number> {
    const next = new Map<string, number>();
    for (const id of ids) {
      const slot = this.#of.get(id);
      if (slot !== undefined) next.set(id, slot);
    }
    const free = [...this.#of]
      .filter(([id]) => !next.has(id) && id !== kept)
      .map(([, slot]) => slot);
    for (const id of ids) {
      if (!next.has(id)) next.set(id, free.pop() ?? this.#made++);
    }
    this.#of = next;
    return next;
  }
}
