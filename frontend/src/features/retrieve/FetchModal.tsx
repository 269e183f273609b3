import { Button, Checkbox, Modal, Select, Textarea, TextInput } from "@mantine/core";
import { IconFileText, IconSearch } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, useRef, useState } from "react";

import { imageKeys, imageQueries } from "../../api/imageQueries";
import { searchSource, startRetrieval } from "../../api/retrievals";
import { plural, t } from "../../i18n";
import { isoDate, isRealDate } from "../../shared/format";
import page from "../../shared/page.module.css";
import { ErrorLine } from "../../shared/states";
import { ForcedRule } from "../rules/ForcedRule";
import {
  type Draft,
  EMPTY,
  foundWords,
  isSource,
  METHODS,
  methodsOf,
  MOST_LOOKED_FOR,
  MOST_TEXT,
  numbersIn,
  orderOf,
  problemOf,
} from "./retrieval";
import css from "./retrieve.module.css";

interface Props {
  onClose: () => void;
  onBegun: (id: string) => void;
}

/** Orders studies by their accession numbers. */
export default function FetchModal({ onClose, onBegun }: Props) {
  return (
    <Modal
      opened
      onClose={onClose}
      size={760}
      title={t("Fetch studies")}
      closeOnClickOutside={false}
    >
      <FetchForm onClose={onClose} onBegun={onBegun} />
    </Modal>
  );
}

function FetchForm({ onClose, onBegun }: Props) {
  const client = useQueryClient();
  const targets = useQuery(imageQueries.targets).data ?? [];
  const sources = targets.filter(isSource);
  const [draft, setDraft] = useState<Draft>(EMPTY);
  const change = (next: Partial<Draft>) => setDraft((old) => ({ ...old, ...next }));
  const only = sources.length === 1 ? (sources[0]?.name ?? null) : null;
  const whole = { ...draft, source: draft.source ?? only };
  const numbers = useMemo(() => numbersIn(draft.text).length, [draft.text]);
  const problem = problemOf(whole, numbers);
  const begin = useMutation({
    mutationFn: () => startRetrieval(orderOf(whole)),
    onSuccess: async ({ id }) => {
      onClose();
      await client.invalidateQueries({ queryKey: imageKeys.retrievals });
      onBegun(id);
    },
  });
  const source = sources.find(({ name }) => name === whole.source);
  return (
    <form
      className={page.form}
      aria-label={t("Fetch studies")}
      onSubmit={(event) => {
        event.preventDefault();
        if (problem === null) begin.mutate();
      }}
    >
      <div className={page.pair}>
        <Select
          label={t("From")}
          placeholder={
            sources.length === 0 ? t("No target can be fetched from") : t("Choose a source")
          }
          value={whole.source}
          // The new source may not know the way that was chosen for the old one.
          onChange={(next) => change({ source: next, method: "auto" })}
          data={sources.map(({ name }) => name)}
        />
        <Select
          label={t("Way")}
          allowDeselect={false}
          value={whole.method}
          onChange={(next) => change({ method: (next ?? "auto") as Draft["method"] })}
          data={methodsOf(source).map((value) => ({ value, label: METHODS[value] }))}
        />
      </div>
      <Numbers text={draft.text} count={numbers} onText={(text) => change({ text })} />
      <Whither draft={whole} folders={foldersOf(targets)} onChange={change} />
      <Narrow draft={draft} onChange={change} />
      <Checkbox
        label={t("In off-peak hours only")}
        checked={draft.offpeak}
        onChange={(event) => change({ offpeak: event.currentTarget.checked })}
      />
      <Look draft={whole} numbers={numbers} />
      <ErrorLine error={begin.error} />
      <div className={`${page.formEnd} ${page.formEndInSight}`}>
        {problem && <p className="dim">{problem}</p>}
        <Button variant="default" onClick={onClose}>
          {t("Cancel")}
        </Button>
        <Button type="submit" disabled={problem !== null} loading={begin.isPending}>
          {numbers > 0
            ? t("Fetch {studys}", { studys: plural(numbers, "{n} study", "{n} studies") })
            : t("Fetch")}
        </Button>
      </div>
    </form>
  );
}

const foldersOf = (targets: { name: string; target_type: string }[]) =>
  targets.filter(({ target_type }) => target_type === "folder").map(({ name }) => name);

function Numbers({
  text,
  count,
  onText,
}: {
  text: string;
  count: number;
  onText: (text: string) => void;
}) {
  const input = useRef<HTMLInputElement>(null);
  const [tooLarge, setTooLarge] = useState<string | null>(null);
  const read = async (file: File) => {
    const large = file.size > MOST_TEXT;
    setTooLarge(
      large ? t("{file} is no list: it is larger than 1 MB.", { file: file.name }) : null,
    );
    if (!large) onText(await file.text());
  };
  return (
    <div className={css.numbers}>
      <Textarea
        label={t("Accession numbers")}
        description={t(
          "One a line, or between commas; of a table, the column that begins with “accession”",
        )}
        inputWrapperOrder={["label", "input", "error", "description"]}
        data-autofocus
        autosize
        minRows={4}
        maxRows={10}
        maxLength={MOST_TEXT}
        spellCheck={false}
        classNames={{ input: "mono" }}
        value={text}
        error={tooLarge}
        onChange={(event) => onText(event.currentTarget.value)}
      />
      <div className={css.numbersEnd}>
        <span role="status" className="dim live-number">
          {count === 0 ? t("None yet") : t("{count} of them", { count })}
        </span>
        <Button
          size="xs"
          variant="default"
          leftSection={<IconFileText size={16} />}
          onClick={() => input.current?.click()}
        >
          {t("From a file")}
        </Button>
      </div>
      <input
        ref={input}
        type="file"
        hidden
        accept=".txt,.csv,.tsv,text/plain,text/csv"
        aria-label={t("File with accession numbers")}
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          if (file) void read(file);
          // The same file may be chosen again.
          event.currentTarget.value = "";
        }}
      />
    </div>
  );
}

interface PartProps {
  draft: Draft;
  onChange: (next: Partial<Draft>) => void;
}

/** Where what comes goes, and who decides on it. */
function Whither({ draft, folders, onChange }: PartProps & { folders: string[] }) {
  const moved = draft.method === "c-move";
  const noRule = moved || draft.destination !== null;
  return (
    <>
      <div className={page.pair}>
        <Select
          label={t("To")}
          placeholder={t("Received here")}
          clearable={!moved}
          disabled={moved}
          value={moved ? null : draft.destination}
          onChange={(destination) => onChange({ destination })}
          data={folders.map((name) => ({ value: name, label: t("Folder {name}", { name }) }))}
        />
        <ForcedRule
          clearable={!noRule}
          disabled={noRule}
          value={noRule ? null : draft.rule}
          onChange={(rule) => onChange({ rule })}
        />
      </div>
      {moved ? (
        <p className="dim">
          {t(
            "With C-MOVE the images come as from any sender: received here, and decided by all rules.",
          )}
        </p>
      ) : (
        draft.destination && <p className="dim">{t("Files of a folder meet no rule.")}</p>
      )}
    </>
  );
}

/** Which series of a study are fetched. */
function Narrow({ draft, onChange }: PartProps) {
  const day = (which: "from" | "to") => ({
    placeholder: t("YYYY-MM-DD"),
    value: draft[which],
    error: draft[which] !== "" && !isRealDate(isoDate(draft[which])) && t("is no date"),
    onChange: (event: { currentTarget: { value: string } }) =>
      onChange({ [which]: event.currentTarget.value }),
    onBlur: () => onChange({ [which]: isoDate(draft[which]) }),
  });
  return (
    <details className={css.filter}>
      <summary>{t("Only some series")}</summary>
      <div>
        <div className={page.pair}>
          <TextInput
            label={t("Modalities")}
            placeholder={t("MR, PT; empty: all")}
            value={draft.modalities}
            onChange={(event) => onChange({ modalities: event.currentTarget.value })}
          />
          <TextInput label={t("First day")} {...day("from")} />
          <TextInput label={t("Last day")} {...day("to")} />
        </div>
        <div className={page.pair}>
          <TextInput
            label={t("Study descriptions")}
            placeholder={t("head*, brain*")}
            value={draft.studies}
            onChange={(event) => onChange({ studies: event.currentTarget.value })}
          />
          <TextInput
            label={t("Series descriptions")}
            placeholder={t("t2*, *flair*")}
            value={draft.series}
            onChange={(event) => onChange({ series: event.currentTarget.value })}
          />
        </div>
        <p className="dim">{t("* stands for any characters, ? for one; case does not matter.")}</p>
      </div>
    </details>
  );
}

/** Asks the source what it has, before anything is fetched. */
function Look({ draft, numbers }: { draft: Draft; numbers: number }) {
  const look = useMutation({
    mutationFn: searchSource,
    // The list comes below what is in sight.
    onSuccess: () => requestAnimationFrame(() => list.current?.scrollIntoView({ block: "center" })),
  });
  const list = useRef<HTMLUListElement>(null);
  const order = orderOf(draft);
  // What was found for another list says nothing of this one.
  const same =
    look.variables &&
    JSON.stringify([
      look.variables.source,
      look.variables.accession_text,
      look.variables.filter,
    ]) === JSON.stringify([order.source, order.accession_text, order.filter]);
  const why = !draft.source
    ? t("Choose where to fetch from.")
    : numbers === 0
      ? t("Give at least one accession number.")
      : numbers > MOST_LOOKED_FOR
        ? t("A source is asked for {mostLookedFor} accession numbers at most.", {
            mostLookedFor: MOST_LOOKED_FOR,
          })
        : null;
  return (
    <>
      <div className={page.buttons}>
        <Button
          variant="default"
          leftSection={<IconSearch size={16} />}
          disabled={why !== null}
          title={why ?? undefined}
          loading={look.isPending}
          onClick={() => look.mutate(order)}
        >
          {t("Look what there is")}
        </Button>
      </div>
      {same && look.data && (
        <ul ref={list} className={css.found} aria-label={t("What the source has")}>
          {look.data.map((found) => (
            <li key={found.accession_number} data-fault={found.error != null || undefined}>
              <span className="mono">{found.accession_number}</span>
              <span>{foundWords(found)}</span>
            </li>
          ))}
        </ul>
      )}
      {same && <ErrorLine error={look.error} />}
    </>
  );
}
