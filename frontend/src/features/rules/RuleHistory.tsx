import { useQuery } from "@tanstack/react-query";

import { revertRule, type Rule, type RuleVersion } from "../../api/routing";
import { routingKeys, routingQueries } from "../../api/routingQueries";
import { useMayAdminister } from "../../shared/roles";
import { VersionHistory } from "../../shared/VersionHistory";
import { optionLabel } from "./rule";
import css from "./rules.module.css";

const conditionOf = ({ document }: RuleVersion) => (
  <code className={css.expression}>{document.rule}</code>
);

export function RuleHistory({ rule }: { rule: Rule }) {
  return (
    <VersionHistory
      versions={useQuery(routingQueries.ruleVersions(rule.name))}
      inForce={rule.version}
      difference={(before, after) => routingQueries.ruleDiff(rule.name, before, after)}
      safe="The rule in force decides as before."
      nameOf={optionLabel}
      first={conditionOf}
      mayNot={useMayAdminister()}
      restore={(older, comment) => revertRule(rule.name, older, rule.version, comment)}
      changed={routingKeys.rules}
    />
  );
}
