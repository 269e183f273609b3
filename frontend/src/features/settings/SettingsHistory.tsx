import { useQuery } from "@tanstack/react-query";

import { settingsDiffQuery, settingsKey, settingsVersionsQuery } from "../../api/settings";
import { t } from "../../i18n";
import { CopyText } from "../../shared/CopyText";
import { VersionHistory, type WayBackProps } from "../../shared/VersionHistory";
import { linesOf } from "./environment";

const variable = (name: string) => name;

/** What a program was set to from start to start, and what would set it so again. */
export function SettingsHistory({ program }: { program: string }) {
  const versions = useQuery(settingsVersionsQuery(program));
  return (
    <VersionHistory
      versions={versions}
      inForce={versions.data?.[0]?.version ?? 0}
      difference={(before, after) => settingsDiffQuery(program, before, after)}
      safe={t("The settings themselves are not affected.")}
      nameOf={variable}
      mayNot={null}
      wayBack={WayBack}
      changed={settingsKey}
    />
  );
}

function WayBack({ version, changes }: WayBackProps) {
  if (changes.length === 0) return <p className="dim">{t("It is set to the same now.")}</p>;
  return (
    <>
      <CopyText
        label={t("To be set as in version {version}", { version })}
        text={linesOf(changes)}
      />
      <p className="dim">
        {t(
          "Settings come from the environment of a program, not from here: put these lines there, and start it again. That is then a new version.",
        )}
      </p>
    </>
  );
}
