import { Menu } from "@mantine/core";
import { IconCheck } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactElement } from "react";

import { setPosition } from "../../api/endpoints";
import { keys } from "../../api/queries";
import type { Exam } from "../../api/types";
import { t } from "../../i18n";
import { POSITION_WORDS, POSITIONS } from "../../shared/patient";
import { ErrorLine } from "../../shared/states";
import css from "../shell/shell.module.css";

/** How the patient lies; whoever sees the patient says it, and it counts from the next scan on. */
export default function PositionMenu({
  exam,
  position,
  children,
}: {
  exam: Exam;
  position: "bottom-start" | "top-end";
  /** What opens it: a button. */
  children: ReactElement;
}) {
  const client = useQueryClient();
  const change = useMutation({
    mutationFn: (next: Exam["patient_position"]) => setPosition(exam, next),
    onSettled: () => client.invalidateQueries({ queryKey: keys.exam(exam.id) }),
  });
  return (
    <Menu position={position} shadow="md" zIndex={600}>
      <Menu.Target>{children}</Menu.Target>
      <Menu.Dropdown className={css.menu}>
        <Menu.Label>{t("How does the patient lie?")}</Menu.Label>
        {POSITIONS.map((one) => (
          <Menu.Item
            key={one}
            mih={40}
            leftSection={
              one === exam.patient_position ? (
                <IconCheck size={16} />
              ) : (
                <span className={css.tick} />
              )
            }
            rightSection={<span className="dim">{one}</span>}
            onClick={() => change.mutate(one)}
            closeMenuOnClick
          >
            {POSITION_WORDS[one]}
          </Menu.Item>
        ))}
        <ErrorLine error={change.error} />
      </Menu.Dropdown>
    </Menu>
  );
}
