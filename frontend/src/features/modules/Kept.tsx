import { Button, Textarea } from "@mantine/core";
import { IconPencil } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { moduleKeys, moduleQueries } from "../../api/moduleQueries";
import { type KeptByModule, type Module, putPersistence } from "../../api/modules";
import { t } from "../../i18n";
import { DetailSection } from "../../shared/DetailSection";
import { JsonView } from "../../shared/JsonView";
import page from "../../shared/page.module.css";
import { guarded, useMayAdminister } from "../../shared/roles";
import { sizeWords } from "../../shared/size";
import { ErrorLine, QueryView } from "../../shared/states";
import { jsonObject } from "./module";

/** persistence.json: what a module finds again at its next run. */
export function Kept({ module }: { module: Module }) {
  const query = useQuery({
    ...moduleQueries.persistence(module.name),
    enabled: module.requires_persistence,
  });
  const [editing, setEditing] = useState(false);
  if (!module.requires_persistence) return null;
  return (
    <DetailSection title={t("What it keeps")}>
      <QueryView query={query} rows={3} safe={t("The module finds it as before.")}>
        {(kept) =>
          editing ? (
            <KeptForm
              key={kept.tag}
              name={module.name}
              kept={kept}
              onClose={() => setEditing(false)}
            />
          ) : (
            <Shown kept={kept} onEdit={() => setEditing(true)} />
          )
        }
      </QueryView>
    </DetailSection>
  );
}

function Shown({ kept, onEdit }: { kept: KeptByModule; onEdit: () => void }) {
  const mayNot = useMayAdminister();
  const { document, size, problem, in_use } = kept;
  return (
    <>
      {problem ? (
        <p role="alert">{problem}</p>
      ) : document == null ? (
        <p className="dim">{t("Nothing yet: it has written no persistence.json.")}</p>
      ) : (
        <JsonView value={document} />
      )}
      <p className="dim live-number">
        {t("persistence.json{size}{inUse}", {
          size: size != null ? `, ${sizeWords(size)}` : "",
          inUse: in_use ? t(" · a run uses it now") : "",
        })}
      </p>
      <div className={page.buttons}>
        <Button
          variant="default"
          leftSection={<IconPencil size={16} />}
          {...guarded(mayNot ?? (in_use ? t("A run uses it now") : null))}
          onClick={onEdit}
        >
          {t("Change what it keeps")}
        </Button>
      </div>
    </>
  );
}

interface FormProps {
  name: string;
  kept: KeptByModule;
  onClose: () => void;
}

function KeptForm({ name, kept, onClose }: FormProps) {
  const client = useQueryClient();
  const before = JSON.stringify(kept.document ?? {}, null, 2);
  const [text, setText] = useState(before);
  const read = jsonObject(text);
  const save = useMutation({
    mutationFn: () => putPersistence(name, kept.tag, read ?? {}),
    onSuccess: onClose,
    onSettled: () => client.invalidateQueries({ queryKey: moduleKeys.persistence(name) }),
  });
  return (
    <form
      className={page.form}
      aria-label={t("What it keeps")}
      onSubmit={(event) => {
        event.preventDefault();
        if (read && text !== before) save.mutate();
      }}
    >
      <Textarea
        label={t("persistence.json")}
        autosize
        minRows={6}
        maxRows={24}
        spellCheck={false}
        classNames={{ input: "mono" }}
        value={text}
        error={read ? undefined : t("is no object of JSON")}
        onChange={({ currentTarget: { value } }) => setText(value)}
      />
      <ErrorLine error={save.error} />
      <div className={page.formEnd}>
        <Button variant="default" onClick={onClose}>
          {t("Cancel")}
        </Button>
        <Button type="submit" disabled={!read || text === before} loading={save.isPending}>
          {t("Save")}
        </Button>
      </div>
    </form>
  );
}
