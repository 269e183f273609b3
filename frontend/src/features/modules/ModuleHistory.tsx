import { useQuery } from "@tanstack/react-query";

import { moduleKeys, moduleQueries } from "../../api/moduleQueries";
import { type Module, revertModule } from "../../api/modules";
import { t } from "../../i18n";
import { useMayAdminister } from "../../shared/roles";
import { VersionHistory } from "../../shared/VersionHistory";
import { settingLabel, settingWords } from "./module";

export function ModuleHistory({ module }: { module: Module }) {
  return (
    <VersionHistory
      versions={useQuery(moduleQueries.versions(module.name))}
      inForce={module.version}
      difference={(before, after) => moduleQueries.diff(module.name, before, after)}
      safe={t("Cases are processed by the settings in force.")}
      nameOf={settingLabel}
      wordsOf={settingWords}
      mayNot={useMayAdminister()}
      restore={(older, comment) => revertModule(module.name, older, module.version, comment)}
      changed={moduleKeys.modules}
    />
  );
}
