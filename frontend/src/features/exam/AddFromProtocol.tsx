import { ActionIcon, Button, TextInput } from "@mantine/core";
import { IconPlus, IconX } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { copyWorkflow, duplicateTask } from "../../api/plan";
import { keys, queries } from "../../api/queries";
import type { Exam, Sequence, Task, Workflow } from "../../api/types";
import { plural, t } from "../../i18n";
import { duration } from "../../shared/format";
import { Empty, ErrorLine, QueryView } from "../../shared/states";
import css from "./exam.module.css";
import { type Offered, offeredProtocols } from "./protocols";
import { sequenceOf } from "./tree";

interface Props {
  exam: Exam;
  /** Where a single scan goes: the workflow of what is selected. */
  into: Workflow | null;
  onAdded: (taskId: string) => void;
  onClose: () => void;
}

/** A whole protocol, a part of one, or one scan with its jobs, copied behind what is planned. */
export default function AddFromProtocol({ exam, into, onAdded, onClose }: Props) {
  const templates = useQuery(queries.templates);
  const sequences = useQuery(queries.sequences).data;
  const [words, setWords] = useState("");
  const [done, setDone] = useState("");
  const client = useQueryClient();
  const add = useMutation({
    mutationFn: ({ run }: { run: () => Promise<Task[]>; name: string }) => run(),
    onSuccess: ([first], { name }) => {
      setDone(t("{name} added", { name }));
      if (first) onAdded(first.id);
    },
    onSettled: () => client.invalidateQueries({ queryKey: keys.exam(exam.id) }),
  });
  const addParts = (name: string, parts: Workflow[]) =>
    add.mutate({
      name,
      run: async () => {
        const copied: Task[] = [];
        for (const part of parts) copied.push(...(await copyWorkflow(exam.id, part.id)).tasks);
        return copied;
      },
    });
  const addScan = (scan: Task) =>
    into &&
    add.mutate({
      name: scan.name,
      run: () => duplicateTask(scan.id, { with_jobs: true, workflow_id: into.id }),
    });
  return (
    <aside className={css.inspector} aria-label={t("Add from protocol")}>
      <header className={css.inspectorHead}>
        <h2>{t("Add from protocol")}</h2>
        <ActionIcon
          variant="subtle"
          color="gray"
          size="lg"
          aria-label={t("Close")}
          onClick={onClose}
        >
          <IconX size={18} />
        </ActionIcon>
        <TextInput
          className={css.addSearch}
          aria-label={t("Find a protocol or scan")}
          placeholder={t("Protocol, part or scan")}
          autoFocus
          value={words}
          onChange={(event) => setWords(event.currentTarget.value)}
          onKeyDown={(event) => event.key === "Escape" && onClose()}
        />
        <p role="status" className="dim">
          {done}
        </p>
        <ErrorLine error={add.error} />
      </header>
      <QueryView query={templates} rows={6} safe={t("Nothing was added.")}>
        {(list) => {
          const offered = offeredProtocols(list, words);
          return offered.length === 0 ? (
            <Empty
              title={words ? t("Nothing matches “{words}”", { words }) : t("There is no protocol")}
            >
              {words
                ? t("Look for another word.")
                : t("Whoever plans protocols here makes them in the library.")}
            </Empty>
          ) : (
            offered.map((one) => (
              <Protocol
                key={one.protocol.id}
                offered={one}
                sequences={sequences}
                into={into}
                busy={add.isPending}
                onParts={addParts}
                onScan={addScan}
              />
            ))
          );
        }}
      </QueryView>
    </aside>
  );
}

function Protocol({
  offered: { protocol, parts },
  sequences,
  into,
  busy,
  onParts,
  onScan,
}: {
  offered: Offered;
  sequences: Sequence[] | undefined;
  into: Workflow | null;
  busy: boolean;
  onParts: (name: string, parts: Workflow[]) => void;
  onScan: (scan: Task) => void;
}) {
  const tasks = protocol.workflows.reduce((sum, one) => sum + one.tasks.length, 0);
  return (
    <section className={css.section} aria-label={protocol.name}>
      <div className={css.addHead}>
        <h3>
          {protocol.name}{" "}
          <span className="dim">
            {!protocol.released_at && t("draft, ")}
            {plural(tasks, "{n} task", "{n} tasks")}
          </span>
        </h3>
        <Button
          size="xs"
          variant="default"
          disabled={busy || protocol.workflows.length === 0}
          aria-label={t("Add all of {protocol}", { protocol: protocol.name })}
          onClick={() => onParts(protocol.name, protocol.workflows)}
        >
          {t("Add all")}
        </Button>
      </div>
      {parts.map(({ workflow, scans }) => (
        <div key={workflow.id}>
          <AddLine
            strong
            words={workflow.name}
            label={t("Add part {workflow}", { workflow: workflow.name })}
            disabled={busy}
            onAdd={() => onParts(workflow.name, [workflow])}
          />
          {scans.map(({ scan, jobs }) => (
            <AddLine
              key={scan.id}
              words={scan.name}
              more={[
                duration(sequenceOf(scan, sequences)?.facts?.duration_s),
                ...jobs.map(({ name }) => name),
              ].join(", ")}
              label={t("Add scan {scan}", { scan: scan.name })}
              disabled={busy || !into}
              onAdd={() => onScan(scan)}
            />
          ))}
        </div>
      ))}
    </section>
  );
}

function AddLine({
  words,
  more,
  label,
  strong,
  disabled,
  onAdd,
}: {
  words: string;
  more?: string;
  label: string;
  strong?: boolean;
  disabled: boolean;
  onAdd: () => void;
}) {
  return (
    <button
      type="button"
      className={css.addLine}
      aria-label={label}
      disabled={disabled}
      onClick={onAdd}
    >
      <IconPlus size={16} aria-hidden />
      <span>
        {strong ? <strong>{words}</strong> : words}
        {more && <span className="dim"> {more}</span>}
      </span>
    </button>
  );
}
