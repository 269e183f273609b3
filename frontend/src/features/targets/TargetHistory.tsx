import { useQuery } from "@tanstack/react-query";

import { revertTarget, type Target } from "../../api/routing";
import { routingKeys, routingQueries } from "../../api/routingQueries";
import { t } from "../../i18n";
import { useMayAdminister } from "../../shared/roles";
import { inWords } from "../../shared/schema/schema";
import { VersionHistory } from "../../shared/VersionHistory";
import { allFields, settingWords } from "./target";

/** Secrets have no history: only which of them were set. */
const NAMES: Record<string, string> = {
  secrets: t("Secrets that are set"),
  target_type: t("Type"),
};

export function TargetHistory({ target }: { target: Target }) {
  return (
    <VersionHistory
      versions={useQuery(routingQueries.targetVersions(target.name))}
      inForce={target.version}
      difference={(before, after) => routingQueries.targetDiff(target.name, before, after)}
      safe={t("Images are sent by the settings in force.")}
      fields={allFields(target.target_type)}
      wordsOf={settingWords}
      nameOf={(path) => NAMES[path] ?? inWords(path)}
      mayNot={useMayAdminister()}
      restore={(older, comment) => revertTarget(target.name, older, target.version, comment)}
      changed={routingKeys.targets}
    />
  );
}
