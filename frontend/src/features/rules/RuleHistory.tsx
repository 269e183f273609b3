import { useQuery } from "@tanstack/react-query";

import { createRule, revertRule, type Rule, type RuleVersion } from "../../api/routing";
import { routingKeys, routingQueries } from "../../api/routingQueries";
import { t } from "../../i18n";
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
      safe={t("The rule in force decides as before.")}
      nameOf={optionLabel}
      first={conditionOf}
      mayNot={useMayAdminister()}
      restore={(older, comment) => revertRule(rule.name, older, rule.version, comment)}
      changed={routingKeys.rules}
    />
  );
}

/** What a rule was that is deleted; a version that is used again makes it anew, the last one. */
export function DeletedRuleHistory({ name }: { name: string }) {
  const versions = useQuery(routingQueries.ruleVersions(name));
  return (
    <VersionHistory
      versions={versions}
      inForce={versions.data?.[0]?.version ?? 0}
      difference={(before, after) => routingQueries.ruleDiff(name, before, after)}
      safe={t("The rules in force decide as before.")}
      nameOf={optionLabel}
      first={conditionOf}
      mayNot={useMayAdminister()}
      restore={(older, comment) => {
        const found = versions.data?.find(({ version }) => version === older);
        if (!found)
          return Promise.reject(new Error(t("Version {older} is not there any more.", { older })));
        return createRule({ ...found.document, name, change_comment: comment });
      }}
      changed={routingKeys.rules}
    />
  );
}
