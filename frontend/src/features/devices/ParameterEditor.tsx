import { Button, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { getParameter, setParameter } from "../../api/endpoints";
import { ApiError } from "../../api/problem";
import { keys } from "../../api/queries";
import type { Device, DeviceParameter, ParameterProblem, ParameterSchema } from "../../api/types";
import { plural, t } from "../../i18n";
import page from "../../shared/page.module.css";
import { useMayChangeDevices } from "../../shared/roles";
import { ErrorLine } from "../../shared/states";
import { ChangeList } from "../../shared/schema/ChangeList";
import { changesBetween, pathOf } from "../../shared/schema/changes";
import { conflictOf, rebased } from "../../shared/schema/conflict";
import { ConflictNotice } from "../../shared/schema/ConflictNotice";
import {
  byField,
  type Draft,
  draftOf,
  type Read,
  readDraft,
  readObject,
} from "../../shared/schema/draft";
import css from "./devices.module.css";
import { SchemaForm } from "../../shared/schema/SchemaForm";
import { type Field, fieldsOf, type JsonObject } from "../../shared/schema/schema";

/** The same document, as a form or as text. */
type Typed = { as: "form"; draft: Draft } | { as: "json"; text: string };

interface Props {
  device: Device;
  first: DeviceParameter;
  schema: ParameterSchema | null;
  onClose: () => void;
}

export function ParameterEditor({ device, first, schema, onClose }: Props) {
  const client = useQueryClient();
  const mayNot = useMayChangeDevices();
  const fields = schema ? fieldsOf(schema.document) : [];
  const [base, setBase] = useState(first);
  const [typed, setTyped] = useState<Typed>(() => typedFrom(documentOf(first), fields));
  const [comment, setComment] = useState("");
  const read = readTyped(typed, fields);
  const changes = changesBetween(documentOf(base), read.parameter);
  const wrong = Object.keys(read.problems).length > 0;
  const save = useMutation({
    // What was sent: its refusal is told at a field until that is typed anew.
    mutationFn: (_sent: Typed) =>
      setParameter(device.id, base.version, read.parameter, comment.trim()),
    onSuccess: async () => {
      onClose();
      await client.invalidateQueries({ queryKey: keys.devices });
    },
  });
  const newest = useNewest(device, base, save.error);
  if (newest && changes.length === 0 && !wrong) {
    // Nothing of one's own to lose: the newest takes the place of what was read.
    setBase(newest);
    setTyped(typedFrom(documentOf(newest), fields, typed.as));
  }
  const begin = (found: DeviceParameter, document: JsonObject) => {
    setBase(found);
    setTyped(typedFrom(document, fields, typed.as));
    save.reset();
  };
  const problems = {
    ...standing(base, fields, typed),
    ...refusedFields(save.error, fields, typed, save.variables),
    ...read.problems,
  };
  return (
    <form
      className={page.form}
      aria-label={t("Parameters")}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (!wrong && changes.length > 0) save.mutate(typed);
      }}
    >
      <EditorHead
        device={device}
        base={base}
        schema={schema}
        drawn={fields.length > 0}
        typed={typed}
        onSwitch={() => setTyped(switched(typed, read, fields))}
        switchable={typed.as === "form" || !wrong}
      />
      {newest && (
        <ConflictNotice
          newest={newest}
          conflict={conflictOf(documentOf(base), documentOf(newest), read.parameter)}
          fields={fields}
          readable={typed.as === "form" || !wrong}
          onKeep={(conflict) => begin(newest, rebased(documentOf(newest), conflict))}
          onDrop={() => begin(newest, documentOf(newest))}
        />
      )}
      {typed.as === "form" ? (
        <SchemaForm
          fields={fields}
          draft={typed.draft}
          problems={problems}
          onChange={(draft) => setTyped({ as: "form", draft })}
        />
      ) : (
        <Textarea
          label={
            base.version > 0
              ? t("Version {version}", { version: base.version })
              : t("None were ever set")
          }
          autosize
          minRows={8}
          maxRows={18}
          spellCheck={false}
          classNames={{ input: "mono" }}
          value={typed.text}
          error={read.problems[""]}
          onChange={(event) => setTyped({ as: "json", text: event.currentTarget.value })}
        />
      )}
      {changes.length > 0 && !wrong && (
        <section className={css.summary} aria-label={t("What will change")}>
          <h3>{plural(changes.length, "One change", "{n} changes")}</h3>
          <ChangeList
            label={t("Changes")}
            fields={fields}
            rows={changes.map((change) => ({ ...change, path: pathOf(change) }))}
          />
        </section>
      )}
      <TextInput
        label={t("Why it is changed")}
        placeholder={t("Kept with the version")}
        maxLength={1000}
        value={comment}
        onChange={(event) => setComment(event.currentTarget.value)}
      />
      {problems[""] && typed.as === "form" && <ErrorLine error={new Error(problems[""])} />}
      {!newest && <ErrorLine error={save.error} />}
      <div className={`${page.formEnd} ${page.formEndInSight}`}>
        {mayNot && <p className="dim">{mayNot}</p>}
        <Button variant="default" onClick={onClose}>
          {t("Cancel")}
        </Button>
        <Button
          type="submit"
          disabled={mayNot !== null || wrong || changes.length === 0 || newest !== null}
          loading={save.isPending}
        >
          {t("Save as a new version")}
        </Button>
      </div>
    </form>
  );
}

function EditorHead({
  device,
  base,
  schema,
  drawn,
  typed,
  switchable,
  onSwitch,
}: {
  device: Device;
  base: DeviceParameter;
  schema: ParameterSchema | null;
  /** The schema has fields that can be drawn. */
  drawn: boolean;
  typed: Typed;
  switchable: boolean;
  onSwitch: () => void;
}) {
  const type = device.device_type;
  return (
    <div className={css.editorHead}>
      <p className="dim">
        {t("{version}The device gets what is saved, and its next scan is played with it.", {
          version: base.version > 0 ? t("Version {version}. ", { version: base.version }) : "",
        })}
        {!schema && (
          <>
            {" "}
            {type
              ? t("There is no schema for devices of the type “{type}”, so this is not checked.", {
                  type,
                })
              : t(
                  "The device does not tell its type, so there is no form and this is not checked.",
                )}
          </>
        )}
      </p>
      {drawn && (
        <div className={page.choice} role="group" aria-label={t("Edit as")}>
          {(["form", "json"] as const).map((as) => (
            <button
              key={as}
              type="button"
              aria-pressed={typed.as === as}
              disabled={!switchable && typed.as !== as}
              title={switchable ? undefined : t("Mend the JSON first")}
              onClick={() => typed.as !== as && onSwitch()}
            >
              {as === "form" ? t("Form") : t("As JSON")}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

// --- what is typed -----------------------------------------------------------------------------

const documentOf = ({ parameter }: DeviceParameter) => parameter as JsonObject;
const asText = (document: JsonObject) => JSON.stringify(document, null, 2);

function typedFrom(document: JsonObject, fields: Field[], as: Typed["as"] = "form"): Typed {
  return as === "form" && fields.length > 0
    ? { as: "form", draft: draftOf(fields, document) }
    : { as: "json", text: asText(document) };
}

function readTyped(typed: Typed, fields: Field[]): Read {
  if (typed.as === "form") return readDraft(fields, typed.draft);
  const read = readObject(typed.text);
  return "problem" in read
    ? { parameter: {}, problems: { "": read.problem } }
    : { parameter: read.value, problems: {} };
}

function switched(typed: Typed, { parameter }: Read, fields: Field[]): Typed {
  return typedFrom(parameter, fields, typed.as === "form" ? "json" : "form");
}

// --- what the server says ------------------------------------------------------------------------

const isStale = (error: unknown) => error instanceof ApiError && error.status === 412;

/** The version in force, when somebody has saved one since `base` was read. */
function useNewest(device: Device, base: DeviceParameter, error: unknown): DeviceParameter | null {
  const stale = isStale(error) || device.parameter_version > base.version;
  const found = useQuery({
    queryKey: ["newest parameter", device.id, base.version, device.parameter_version, stale],
    queryFn: () => getParameter(device.id),
    enabled: stale,
    gcTime: 0,
    staleTime: Infinity,
  }).data;
  return stale && found && found.version > base.version ? found : null;
}

/** Of problems at fields, those that nobody has typed over since. */
function untouched(
  fields: Field[],
  now: Draft,
  before: Draft,
  found: ParameterProblem[],
): Record<string, string> {
  const problems = Object.entries(byField(fields, now, found));
  return Object.fromEntries(problems.filter(([path]) => now[path] === before[path]));
}

function refusedFields(error: unknown, fields: Field[], typed: Typed, sent: Typed | undefined) {
  const found = error instanceof ApiError ? error.members.problems : null;
  if (!Array.isArray(found) || typed.as !== "form" || sent?.as !== "form") return {};
  return untouched(fields, typed.draft, sent.draft, found as ParameterProblem[]);
}

/** Where the parameters in force do not follow their schema. */
function standing(base: DeviceParameter, fields: Field[], typed: Typed): Record<string, string> {
  if (typed.as !== "form") return {};
  const before = draftOf(fields, documentOf(base));
  return untouched(fields, typed.draft, before, base.problems ?? []);
}
