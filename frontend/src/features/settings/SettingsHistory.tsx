import { useQuery } from "@tanstack/react-query";

import { settingsDiffQuery, settingsKey, settingsVersionsQuery } from "../../api/settings";
import { CopyText } from "../../shared/CopyText";
import { QueryView } from "../../shared/states";
import { VersionHistory } from "../../shared/VersionHistory";
import { linesOf } from "./environment";

const SAFE = "The settings themselves are not affected.";
const variable = (name: string) => name;

/** What a program was set to from start to start, and what would set it so again. */
export function SettingsHistory({ program }: { program: string }) {
  const versions = useQuery(settingsVersionsQuery(program));
  const newest = versions.data?.[0]?.version ?? 0;
  return (
    <VersionHistory
      versions={versions}
      inForce={newest}
      difference={(before, after) => settingsDiffQuery(program, before, after)}
      safe={SAFE}
      nameOf={variable}
      mayNot={null}
      wayBack={(version) => <WayBack program={program} from={newest} to={version} />}
      changed={settingsKey}
    />
  );
}

function WayBack({ program, from, to }: { program: string; from: number; to: number }) {
  const found = useQuery(settingsDiffQuery(program, from, to));
  return (
    <QueryView query={found} rows={2} safe={SAFE}>
      {(changes) =>
        changes.length === 0 ? (
          <p className="dim">It is set to the same now.</p>
        ) : (
          <>
            <CopyText
              label={`So that ${program} is set as in version ${to}`}
              text={linesOf(changes)}
            />
            <p className="dim">
              Settings come from the environment of a program, not from here: put these lines there,
              and start it again. That is then a new version.
            </p>
          </>
        )
      }
    </QueryView>
  );
}
