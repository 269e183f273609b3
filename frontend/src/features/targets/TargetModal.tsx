import { Button, Checkbox, Modal, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import {
  createTarget,
  replaceTarget,
  type Target,
  type TargetIn,
  type TargetType,
} from "../../api/routing";
import { routingKeys, routingQueries } from "../../api/routingQueries";
import { t } from "../../i18n";
import page from "../../shared/page.module.css";
import { useMayAdminister } from "../../shared/roles";
import { changesBetween } from "../../shared/schema/changes";
import { conflictOf, rebased } from "../../shared/schema/conflict";
import { ConflictNotice } from "../../shared/schema/ConflictNotice";
import { type Draft, draftOf, readDraft } from "../../shared/schema/draft";
import type { JsonObject } from "../../shared/schema/schema";
import { SchemaForm } from "../../shared/schema/SchemaForm";
import { ErrorLine } from "../../shared/states";
import { allFields, changedSecrets, fieldGroups, newDraft, settingsOf, TYPES } from "./target";
import css from "./targets.module.css";

interface Props {
  /** Null: a new one. */
  target: Target | null;
  onClose: () => void;
  onSaved?: (name: string) => void;
}

/** Makes or changes a target. */
export default function TargetModal({ target, onClose, onSaved }: Props) {
  const [type, setType] = useState<TargetType | null>(target?.target_type ?? null);
  const title = target
    ? t("Change {target}", { target: target.name })
    : type
      ? t("Add a target: {types}", { types: TYPES[type].name })
      : t("Add a target");
  return (
    <Modal opened onClose={onClose} size={760} title={title} closeOnClickOutside={false}>
      {type === null ? (
        <TypeChoice onPick={setType} />
      ) : (
        <TargetForm type={type} first={target} onClose={onClose} onSaved={onSaved} />
      )}
    </Modal>
  );
}

function TypeChoice({ onPick }: { onPick: (type: TargetType) => void }) {
  return (
    <div className={css.types} role="group" aria-label={t("Type of the target")}>
      {(Object.keys(TYPES) as TargetType[]).map((type) => (
        <button key={type} type="button" onClick={() => onPick(type)}>
          <strong>{TYPES[type].name}</strong>
          <span className="dim">{TYPES[type].about}</span>
        </button>
      ))}
    </div>
  );
}

interface FormProps extends Omit<Props, "target"> {
  type: TargetType;
  first: Target | null;
}

function TargetForm({ type, first, onClose, onSaved }: FormProps) {
  const client = useQueryClient();
  const mayNot = useMayAdminister();
  const fields = allFields(type);
  const [base, setBase] = useState(first);
  const [name, setName] = useState(first?.name ?? "");
  const [enabled, setEnabled] = useState(first?.enabled ?? true);
  const [draft, setDraft] = useState<Draft>(() =>
    first ? draftOf(fields, settingsOf(first)) : newDraft(type),
  );
  const [tried, setTried] = useState(false);
  const read = readDraft(fields, draft);
  const edited = withEnabled(read.parameter, enabled);
  const wrong = Object.keys(read.problems).length > 0 || name.trim() === "";
  const secrets = changedSecrets(type, draft);
  const known = base && withEnabled(settingsOf(base), base.enabled);
  const changed = !known || secrets.length > 0 || changesBetween(known, edited).length > 0;
  const save = useMutation({
    mutationFn: () => {
      // Whatever else the server keeps of a target goes back as it came.
      const body = { ...edited, target_type: type, name: name.trim() } as unknown as TargetIn;
      return base ? replaceTarget(base.name, base.version, body) : createTarget(body);
    },
    onSuccess: async (saved) => {
      onClose();
      await client.invalidateQueries({ queryKey: routingKeys.targets });
      onSaved?.(saved.name);
    },
    onError: () => client.invalidateQueries({ queryKey: routingKeys.targets }),
  });
  const newest = useNewer(base);
  const begin = (found: Target, document: JsonObject) => {
    setBase(found);
    setEnabled(document.enabled === true);
    // Secrets are typed, not read: they stay in the form.
    const typed = fields
      .filter(({ secret }) => secret)
      .map(({ path }) => [path, draft[path] ?? ""]);
    setDraft({ ...draftOf(fields, document), ...(Object.fromEntries(typed) as Draft) });
    save.reset();
  };
  return (
    <form
      className={page.form}
      aria-label={t("Target")}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        setTried(true);
        if (!wrong && changed) save.mutate();
      }}
    >
      {newest && base && known && (
        <ConflictNotice
          newest={{ version: newest.version, created_at: newest.updated_at }}
          conflict={conflictOf(known, withEnabled(settingsOf(newest), newest.enabled), edited)}
          fields={fields}
          readable={!wrong}
          onKeep={(conflict) =>
            begin(newest, rebased(withEnabled(settingsOf(newest), newest.enabled), conflict))
          }
          onDrop={() => begin(newest, withEnabled(settingsOf(newest), newest.enabled))}
        />
      )}
      {!base && (
        <TextInput
          label={t("Name")}
          description={t("Rules call it so; it cannot be changed later")}
          inputWrapperOrder={["label", "input", "error", "description"]}
          data-autofocus
          autoComplete="off"
          maxLength={200}
          value={name}
          error={tried && name.trim() === "" && t("is needed")}
          onChange={(event) => setName(event.currentTarget.value)}
        />
      )}
      {fieldGroups(type).map((group) => (
        <section key={group.title} className={css.group} aria-label={group.title}>
          <h3>{group.title}</h3>
          <SchemaForm
            fields={group.fields}
            draft={draft}
            problems={tried || base ? read.problems : {}}
            secrets={base?.secrets}
            onChange={setDraft}
          />
        </section>
      ))}
      <Checkbox
        label={t("Enabled: images are sent there")}
        checked={enabled}
        onChange={(event) => setEnabled(event.currentTarget.checked)}
      />
      {!newest && <ErrorLine error={save.error} />}
      <div className={`${page.formEnd} ${page.formEndInSight}`}>
        {mayNot ? (
          <p className="dim">{mayNot}</p>
        ) : (
          tried && wrong && <p className="dim">{t("Something is missing or wrong above.")}</p>
        )}
        <Button variant="default" onClick={onClose}>
          {t("Cancel")}
        </Button>
        <Button
          type="submit"
          disabled={mayNot !== null || !changed || newest !== null}
          loading={save.isPending}
        >
          {base ? t("Save") : t("Add target")}
        </Button>
      </div>
    </form>
  );
}

const withEnabled = (document: JsonObject, enabled: boolean): JsonObject => ({
  ...document,
  enabled,
});

/** The target in force, when somebody has saved it since `base` was read. */
function useNewer(base: Target | null): Target | null {
  const all = useQuery({ ...routingQueries.targets, enabled: base !== null }).data;
  const found = base && all?.find(({ name }) => name === base.name);
  return found && found.version > base.version ? found : null;
}
