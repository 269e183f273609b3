import {
  ActionIcon,
  Button,
  Checkbox,
  PasswordInput,
  Select,
  Textarea,
  TextInput,
} from "@mantine/core";
import { IconPlus, IconX } from "@tabler/icons-react";
import { type ReactNode, useId } from "react";

import { inSentence, t } from "../../i18n";
import page from "../page.module.css";
import css from "./schema.module.css";
import {
  blankOf,
  choiceWord,
  type Draft,
  entriesOf,
  entryAt,
  lengthOf,
  REST,
  withoutEntry,
} from "./draft";
import { type Field, limitsInWords } from "./schema";

interface Props {
  fields: Field[];
  draft: Draft;
  /** Names of the secrets that are stored. */
  secrets?: string[];
  problems: Record<string, string>;
  /** An empty field stands for its default, and says so. */
  defaults?: boolean;
  onChange: (next: Draft) => void;
}

/** The fields of a document, as its schema says; what the schema does not name, as JSON. */
export function SchemaForm({ fields, draft, problems, secrets, defaults, onChange }: Props) {
  const [rest, problem] = [draft[REST] ?? "", problems[REST]];
  return (
    <>
      <Fields
        fields={fields}
        draft={draft}
        problems={problems}
        secrets={secrets}
        defaults={defaults}
        onChange={onChange}
      />
      {(rest !== "" || problem) && (
        <Textarea
          label={t("Not in the schema")}
          description={t("As JSON")}
          autosize
          minRows={3}
          maxRows={12}
          spellCheck={false}
          classNames={{ input: "mono" }}
          value={rest}
          error={problem}
          onChange={(event) => onChange({ ...draft, [REST]: event.currentTarget.value })}
        />
      )}
    </>
  );
}

function Fields({ fields, ...form }: Props) {
  return (
    <div className={css.fields}>
      {fields.map((field) => (
        <FieldInput key={field.path} field={field} {...form} />
      ))}
    </div>
  );
}

interface FieldProps extends Omit<Props, "fields"> {
  field: Field;
}

function FieldInput({ field, ...form }: FieldProps) {
  const { draft, problems } = form;
  const whole = draft[field.path] !== undefined;
  if (field.kind === "group" && !whole) {
    return (
      <Fieldset field={field} problem={problems[field.path]}>
        <Fields fields={field.fields} {...form} />
      </Fieldset>
    );
  }
  if (field.kind === "list" && !whole) return <ListInput field={field} {...form} />;
  if (field.secret) return <SecretInput field={field} {...form} />;
  return (
    <LeafInput
      field={field}
      label={<Label field={field} plain={form.defaults} />}
      note={noteOf(field)}
      {...form}
    />
  );
}

/** Plain: that it may be left empty goes without saying. */
function Label({ field, plain }: { field: Field; plain?: boolean }) {
  return (
    <>
      {field.label}
      {!field.required && !plain && <span className="dim"> {t("(optional)")}</span>}
    </>
  );
}

function Fieldset({
  field,
  problem,
  children,
}: {
  field: Field;
  problem?: string;
  children: ReactNode;
}) {
  const note = noteOf(field.entry ? { ...field, limits: field.entry.limits } : field);
  return (
    <fieldset className={css.group} data-wide>
      <legend>
        <Label field={field} />
      </legend>
      {children}
      {problem && (
        <p className={css.problem} role="alert">
          {problem}
        </p>
      )}
      {note && <p className="dim">{note}</p>}
    </fieldset>
  );
}

/** What may be entered, and what it is. */
function noteOf(field: Field): string | null {
  const limits = limitsInWords(field);
  return (
    [
      field.description,
      limits && `${limits}${field.unit ? `\u202f${field.unit}` : ""}`,
      field.peopleOnly && t("no calibration changes it"),
    ]
      .filter(Boolean)
      .join(" · ") || null
  );
}

function ListInput({ field, ...form }: FieldProps) {
  const { draft, problems, onChange } = form;
  const length = entriesOf(draft, field);
  const { minItems = 0, maxItems = Infinity } = field.limits;
  return (
    <Fieldset field={field} problem={problems[field.path]}>
      <div className={css.entries}>
        {Array.from({ length }, (_, at) => (
          <div key={at} className={css.entry}>
            <LeafInput field={entryAt(field, at)} {...form} />
            {length > minItems && (
              <ActionIcon
                variant="subtle"
                color="gray"
                size={40}
                aria-label={t("Take out {field} {at}", { field: field.label, at: at + 1 })}
                onClick={() => onChange(withoutEntry(draft, field, at))}
              >
                <IconX size={16} aria-hidden />
              </ActionIcon>
            )}
          </div>
        ))}
        {length < maxItems && (
          <Button
            variant="default"
            leftSection={<IconPlus size={16} />}
            onClick={() =>
              onChange({
                ...draft,
                [lengthOf(field.path)]: String(length + 1),
                [entryAt(field, length).path]: "",
              })
            }
          >
            {t("Add a value")}
          </Button>
        )}
      </div>
    </Fieldset>
  );
}

type Order = ("label" | "input" | "error" | "description")[];

interface LeafProps extends FieldProps {
  /** Without one, the name of the field is said to those who do not see it. */
  label?: ReactNode;
  note?: string | null;
}

/** Never shown: one that is stored stays until another is typed, or it is taken out. */
function SecretInput({ field, draft, problems, secrets, onChange }: FieldProps) {
  const stored = secrets?.includes(field.name) ?? false;
  const removed = draft[blankOf(field.path)] === "null";
  const set = (value: string, remove = false) => {
    const { [blankOf(field.path)]: _, ...rest } = draft;
    onChange({ ...rest, [field.path]: value, ...(remove && { [blankOf(field.path)]: "null" }) });
  };
  const common = {
    label: <Label field={field} />,
    description: noteOf(field),
    error: problems[field.path],
    placeholder: stored && !removed ? t("Set. Leave empty to keep it") : t("Not set"),
    inputWrapperOrder: ["label", "input", "error", "description"] as Order,
    autoComplete: "new-password",
    spellCheck: false,
    value: draft[field.path] ?? "",
  };
  return (
    <div data-wide={field.long || undefined} className={css.secret}>
      {field.long ? (
        <Textarea
          {...common}
          autosize
          minRows={2}
          maxRows={8}
          classNames={{ input: "mono" }}
          onChange={(event) => set(event.currentTarget.value)}
        />
      ) : (
        <PasswordInput {...common} onChange={(event) => set(event.currentTarget.value)} />
      )}
      {stored && (
        <Checkbox
          label={t("Remove the stored {field}", { field: inSentence(field.label) })}
          checked={removed}
          onChange={(event) => set("", event.currentTarget.checked)}
        />
      )}
    </div>
  );
}

function LeafInput({ field, label, note, draft, problems, defaults, onChange }: LeafProps) {
  const value = draft[field.path] ?? "";
  const fallback = defaults ? field.fallback : undefined;
  const placeholder =
    fallback == null ? undefined : t("Default: {choiceWord}", { choiceWord: choiceWord(fallback) });
  const set = (next: string) => onChange({ ...draft, [field.path]: next });
  const common = {
    label,
    description: note,
    error: problems[field.path],
    "aria-label": label ? undefined : field.label,
    placeholder,
    // Below, so that the fields of a row stand on one line.
    inputWrapperOrder: ["label", "input", "error", "description"] as Order,
  };
  switch (field.kind) {
    case "boolean":
      return (
        <YesNo
          field={field}
          label={label}
          note={note}
          unset={
            typeof fallback === "boolean"
              ? t("Default: {which}", { which: fallback ? t("yes") : t("no") })
              : t("Not set")
          }
          value={value}
          onPick={set}
        />
      );
    case "choice":
      return (
        <Select
          {...common}
          clearable={!field.required}
          value={value || null}
          onChange={(next) => set(next ?? "")}
          data={field.choices.map((choice) => ({
            value: JSON.stringify(choice),
            label: choiceWord(choice),
          }))}
        />
      );
    case "json":
    case "list":
    case "group":
      return (
        <Textarea
          {...common}
          wrapperProps={{ "data-wide": true }}
          autosize
          minRows={2}
          maxRows={10}
          spellCheck={false}
          classNames={{ input: "mono" }}
          value={value}
          onChange={(event) => set(event.currentTarget.value)}
        />
      );
    default:
      if (field.long) {
        return (
          <Textarea
            {...common}
            wrapperProps={{ "data-wide": true }}
            autosize
            minRows={2}
            maxRows={10}
            value={value}
            onChange={(event) => set(event.currentTarget.value)}
          />
        );
      }
      return (
        <TextInput
          {...common}
          autoComplete="off"
          inputMode={field.kind === "text" ? "text" : "decimal"}
          rightSection={field.unit && <span className="dim">{field.unit}</span>}
          rightSectionWidth={field.unit ? `${field.unit.length + 3}ch` : undefined}
          rightSectionPointerEvents="none"
          value={value}
          onChange={(event) => set(event.currentTarget.value)}
        />
      );
  }
}

function YesNo({
  field,
  label,
  note,
  unset,
  value,
  onPick,
}: {
  field: Field;
  label?: ReactNode;
  note?: string | null;
  /** What is picked when nothing is. */
  unset: string;
  value: string;
  onPick: (value: string) => void;
}) {
  const id = useId();
  const words: [string, string][] = [
    ["true", t("Yes")],
    ["false", t("No")],
  ];
  if (!field.required) words.push(["", unset]);
  return (
    <div>
      <span id={id} className={label ? `field-label ${css.yesNoLabel}` : "visually-hidden"}>
        {label ?? field.label}
      </span>
      <div role="radiogroup" aria-labelledby={id} className={page.choice}>
        {words.map(([meaning, word]) => (
          <button
            key={word}
            type="button"
            role="radio"
            aria-checked={value === meaning}
            onClick={() => onPick(meaning)}
          >
            {word}
          </button>
        ))}
      </div>
      {note && <p className="dim">{note}</p>}
    </div>
  );
}
