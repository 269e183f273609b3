import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, skipToken, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { type RuleTest, testCompletion, testRule } from "../../api/routing";

/** A pause in typing before the server is asked [ms]. */
const PAUSE_MS = 250;

export interface Tested {
  result: RuleTest | undefined;
  /** What is shown belongs to what was typed before. */
  pending: boolean;
  error: unknown;
}

/** What the server says of an expression on these tags, while it is typed. */
export function useRuleTest(rule: string, tags: Record<string, string>, enabled: boolean): Tested {
  // One object as long as nothing is typed: a new one would be waited for, for ever.
  const wanted = useMemo(() => (enabled ? { rule, tags } : null), [enabled, rule, tags]);
  const [asked] = useDebouncedValue(wanted, PAUSE_MS);
  const found = useQuery({
    queryKey: ["rule test", asked],
    queryFn: asked ? () => testRule(asked.rule, asked.tags) : skipToken,
    enabled: asked !== null && asked.rule.trim() !== "",
    placeholderData: keepPreviousData,
    gcTime: 10_000,
  });
  const current = rule.trim() === "" ? undefined : found.data;
  const pending = asked !== wanted || found.isPlaceholderData;
  return { result: current, pending, error: found.error };
}

/** Whether an expression on series may be used, and whether these complete it. */
export function useCompletionTest(expression: string, received: string[], enabled: boolean) {
  const [asked] = useDebouncedValue({ expression, received }, PAUSE_MS);
  return useQuery({
    queryKey: ["completion test", asked],
    queryFn: () => testCompletion(asked.expression, asked.received),
    enabled,
    placeholderData: keepPreviousData,
    gcTime: 10_000,
  }).data;
}
