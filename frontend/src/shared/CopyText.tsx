import { Button, Textarea } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { useState } from "react";

import { t } from "../i18n";
import css from "./shared.module.css";

/** A text that is taken elsewhere as it stands: a command, a token. */
export function CopyText({
  label,
  text,
  onCopied,
}: {
  label: string;
  text: string;
  onCopied?: () => void;
}) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    onCopied?.();
  };
  return (
    <div className={css.copyText}>
      <Textarea
        label={label}
        readOnly
        autosize
        minRows={2}
        maxRows={8}
        value={text}
        classNames={{ input: "mono" }}
        onFocus={(event) => event.currentTarget.select()}
      />
      {/* The clipboard is there on secure origins only; the field can be copied by hand. */}
      {"clipboard" in navigator && (
        <Button
          variant="default"
          leftSection={copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
          onClick={() => void copy()}
        >
          {copied ? t("Copied") : t("Copy")}
        </Button>
      )}
    </div>
  );
}
