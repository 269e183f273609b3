import type { RuleOptions } from "../../api/routing";
import type { JsonObject } from "../../shared/schema/schema";

/** The modules of a rule in their order, and what each is told. Pure. */

type Chain = Pick<RuleOptions, "processing_module" | "processing_settings"> &
  Partial<Pick<RuleOptions, "processing_gates">>;
export type Gate = NonNullable<RuleOptions["processing_gates"]>[number];

export const processes = ({ action }: Pick<RuleOptions, "action">): boolean =>
  action === "process" || action === "both";

/** Whether each module has settings of its own, or all the same. */
export const isEach = ({ processing_settings }: Chain): boolean =>
  Array.isArray(processing_settings);

/** What the rule says to the module at this place. */
export function settingsAt({ processing_settings }: Chain, at: number): JsonObject {
  const settings = Array.isArray(processing_settings)
    ? processing_settings[at]
    : processing_settings;
  return (settings ?? {}) as JsonObject;
}

/** One settings document for all modules, or one for each; nothing that was said is lost. */
export function told(chain: Chain, each: boolean): Chain {
  const modules = chain.processing_module ?? [];
  if (each === isEach(chain)) return chain;
  const own = modules.map((_, at) => settingsAt(chain, at));
  return {
    ...chain,
    processing_module: modules,
    processing_settings: each ? own : (Object.assign({}, ...own.toReversed()) as JsonObject),
  };
}

export function withSettings(chain: Chain, at: number, settings: JsonObject): Chain {
  if (!isEach(chain)) return { ...chain, processing_settings: settings };
  return rebuilt(
    chain,
    rows(chain).map((row, place) => (place === at ? { ...row, settings } : row)),
  );
}

export const withModule = (chain: Chain, module: string): Chain =>
  rebuilt(chain, [...rows(chain), { module, settings: {}, gate: null }]);

/** The review between the module at this place and the one behind it; null: there is none. */
export const gateAt = ({ processing_gates }: Chain, at: number): Gate | null =>
  processing_gates?.find(({ after }) => after === at + 1) ?? null;

export function withGate(chain: Chain, at: number, gate: Omit<Gate, "after"> | null): Chain {
  const others = (chain.processing_gates ?? []).filter(({ after }) => after !== at + 1);
  const all = gate ? [...others, { ...gate, after: at + 1 }] : others;
  return { ...chain, processing_gates: all.toSorted((one, other) => one.after - other.after) };
}

export const withoutModule = (chain: Chain, at: number): Chain =>
  rebuilt(
    chain,
    rows(chain).filter((_, place) => place !== at),
  );

/** The module at this place and the one beside it change places; what is said to it goes along. */
export function withMoved(chain: Chain, at: number, by: -1 | 1): Chain {
  const all = rows(chain);
  const [one, other] = [all[at], all[at + by]];
  if (!one || !other) return chain;
  return rebuilt(
    chain,
    all.map((row, place) => (place === at ? other : place === at + by ? one : row)),
  );
}

interface Row {
  module: string;
  settings: JsonObject;
  /** Behind it. */
  gate: Gate | null;
}

const rows = (chain: Chain): Row[] =>
  (chain.processing_module ?? []).map((module, at) => ({
    module,
    settings: settingsAt(chain, at),
    gate: gateAt(chain, at),
  }));

function rebuilt(chain: Chain, next: Row[]): Chain {
  // Behind the last module stands the review of the rule, and no gate.
  const gates = next
    .slice(0, -1)
    .flatMap(({ gate }, at) => (gate ? [{ ...gate, after: at + 1 }] : []));
  return {
    ...(chain.processing_gates && { processing_gates: gates }),
    processing_module: next.map(({ module }) => module),
    processing_settings: isEach(chain)
      ? next.map(({ settings }) => settings)
      : chain.processing_settings,
  };
}
