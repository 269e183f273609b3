import type { HealthPart, Rule, Target, TargetType } from "../../api/routing";
import schemas from "../../api/target-schemas.json";
import { t } from "../../i18n";
import { syntaxName } from "../../shared/dicomText";
import { blankOf, type Draft, draftOf } from "../../shared/schema/draft";
import {
  type Field,
  fieldsOf,
  inWords,
  type Json,
  type JsonObject,
} from "../../shared/schema/schema";
import { valueInWords } from "../../shared/schema/words";
import { HEALTH, OFF, PAUSED_LOOK, type StatusLook } from "../../shared/status";

/** What a target is, in words and as the fields of a form. Pure. */

export const TYPES: Record<TargetType, { name: string; about: string }> = {
  dicom: { name: "DICOM", about: t("A DICOM node: a PACS, an archive, a workstation (C-STORE)") },
  dicomtls: { name: t("DICOM over TLS"), about: t("The same, encrypted and with certificates") },
  dicomweb: { name: "DICOMweb", about: t("A server that takes images over HTTP (STOW-RS)") },
  sftp: { name: "SFTP", about: t("A folder on another host, reached by SFTP") },
  rsync: { name: "rsync", about: t("A folder on another host, reached by rsync over SSH") },
  folder: { name: t("Folder"), about: t("A folder of this host, or one that is mounted") },
  s3: { name: "S3", about: t("A bucket of Amazon S3, or of a service that speaks its language") },
  xnat: { name: "XNAT", about: t("A project of an XNAT server") },
  dummy: { name: t("Dummy"), about: t("Takes everything and keeps nothing: to try rules out") },
};

const LABELS: Record<string, string> = {
  ip: t("Host"),
  url: t("Address"),
  aet_target: t("Called AE title"),
  aet_source: t("Calling AE title"),
  pass_sender_aet: t("Call as the sender"),
  pass_receiver_aet: t("Call whom the sender called"),
  tls_key: t("Private key"),
  tls_cert: t("Certificate"),
  ca_cert: t("Certificate authority"),
  verify_host: t("Certificate names the host"),
  qido_url_prefix: t("Path of QIDO-RS"),
  wado_url_prefix: t("Path of WADO-RS"),
  stow_url_prefix: t("Path of STOW-RS"),
  http_user: t("User"),
  http_password: t("Password"),
  access_key_id: t("Access key id"),
  endpoint_url: t("Address of the service"),
  project_id: t("Project"),
  at_once: t("Series at once"),
  max_bytes_per_s: t("Bandwidth limit"),
  run_on_complete: t("Run the script at the end"),
  file_filter: t("File names left out"),
};
/** PEM and keys have lines, which a field of one line would lose. */
const LONG_SECRETS = ["tls_key", "private_key"];
const GENERAL = ["direction", "at_once", "max_bytes_per_s", "file_filter", "contact", "comment"];
/** Shown elsewhere: the type is chosen first, and a target is switched by a button of its own. */
const APART = ["target_type", "name", "enabled"];

export interface FieldGroup {
  title: string;
  fields: Field[];
}

/** The settings of a type, those of its connection first. */
export function fieldGroups(type: TargetType): FieldGroup[] {
  const fields = fieldsOf(schemas[type])
    .filter(({ name }) => !APART.includes(name))
    .map(asDrawn);
  return [
    { title: t("Connection"), fields: fields.filter(({ name }) => !GENERAL.includes(name)) },
    {
      title: t("How images are sent"),
      fields: fields.filter(({ name }) => GENERAL.includes(name)),
    },
  ].filter((group) => group.fields.length > 0);
}

export const allFields = (type: TargetType): Field[] =>
  fieldGroups(type).flatMap(({ fields }) => fields);

function asDrawn(field: Field): Field {
  const { name, kind, description } = field;
  // The unit stands in brackets in the description, and the name may end with it.
  const unit = /\[([^\]]+)\]/.exec(description ?? "")?.[1] ?? field.unit;
  return {
    ...field,
    label: LABELS[name] ?? inWords(unit ? name.replace(new RegExp(`_${unit}$`), "") : name),
    unit,
    description: description?.replace(` [${unit}]`, "") ?? null,
    long: field.long || LONG_SECRETS.includes(name),
    // The server always has a value: "not set" would be one choice too many.
    required:
      field.required || kind === "boolean" || kind === "choice" || kind === "integer"
        ? !field.nullable
        : false,
  };
}

/** What a new target of a type begins with. */
export function newDraft(type: TargetType): Draft {
  const properties = (schemas[type] as { properties: Record<string, { default?: Json }> })
    .properties;
  const document: JsonObject = {};
  for (const { name } of allFields(type)) {
    const value = properties[name]?.default;
    if (value !== undefined && value !== null) document[name] = value;
  }
  return draftOf(allFields(type), document);
}

/** The settings of a target that its form shows. */
export function settingsOf(target: Target): JsonObject {
  const known = target as unknown as JsonObject;
  const names = allFields(target.target_type).map(({ name }) => name);
  return Object.fromEntries(
    Object.entries(known).filter(([name]) => names.includes(name)),
  ) as JsonObject;
}

/** Names of the secrets that this draft sets or removes. */
export function changedSecrets(type: TargetType, draft: Draft): string[] {
  return allFields(type)
    .filter(({ secret, path }) => secret && (draft[path] || draft[blankOf(path)] === "null"))
    .map(({ name }) => name);
}

// --- as people read it -------------------------------------------------------------------------

const DIRECTIONS: Record<string, string> = {
  push: t("images are sent there"),
  pull: t("images are fetched from there"),
  both: t("images are sent there and fetched from there"),
};

/** What a setting says, where its bare value would not. */
export function settingWords(name: string, value: unknown): string {
  if (Array.isArray(value) && name === "transfer_syntaxes") {
    return value.length > 0 ? value.map(String).map(syntaxName).join(", ") : t("as stored");
  }
  if (Array.isArray(value) && value.length === 0) return "none";
  return (name === "direction" && DIRECTIONS[String(value)]) || valueInWords(value);
}

export function addressOf(target: Target): string {
  const is = (name: string): string => {
    const value = (target as Record<string, unknown>)[name];
    return typeof value === "string" || typeof value === "number" ? String(value) : "";
  };
  switch (target.target_type) {
    case "dicom":
    case "dicomtls":
      return t("{title} at {host}:{port}", {
        title: is("aet_target"),
        host: is("ip"),
        port: is("port"),
      });
    case "dicomweb":
      return is("url");
    case "sftp":
    case "rsync":
      return `${is("user")}@${is("host")}:${is("folder")}`;
    case "folder":
      return is("folder");
    case "s3":
      return [is("bucket"), is("prefix")].filter(Boolean).join("/");
    case "xnat":
      return t("{host}, project {project}", { host: is("host"), project: is("project_id") });
    case "dummy":
      return t("keeps nothing");
  }
}

const NOT_LOOKED_AT: StatusLook = { ...OFF, word: t("Unknown") };

export function targetLook(target: Target, part: HealthPart | undefined): StatusLook {
  if (target.paused) return PAUSED_LOOK;
  if (!target.enabled) return OFF;
  // Of one that was just added, or before its health was read, nothing is known.
  if (!part) return NOT_LOOKED_AT;
  if (part.state === "ok") return { ...HEALTH.ok, word: t("Ready") };
  return part.state === "warning" ? { ...HEALTH.warning, word: warning(part) } : HEALTH.failing;
}

/** Series wait for another attempt; or failed for good, and the settings were changed since. */
function warning({ numbers }: HealthPart): string {
  if ((numbers?.waiting ?? 0) > 0) return t("Retrying");
  return (numbers?.failed ?? 0) > 0 ? t("Failed") : t("Test failed");
}

export const partOf = (parts: HealthPart[] | undefined, kind: HealthPart["kind"], name: string) =>
  parts?.find((part) => part.kind === kind && part.name === name);

/** The rules that name a target, disabled ones too: it cannot be deleted while there are any. */
export function rulesOf(rules: Rule[], target: string): Rule[] {
  return rules.filter(
    ({
      target: targets,
      conditional_alternate_target: other,
      dynamic_routing_allowed_targets: allowed,
    }) => targets?.includes(target) || other === target || allowed?.includes(target),
  );
}
