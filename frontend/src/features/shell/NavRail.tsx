import { Menu, useMantineColorScheme } from "@mantine/core";
import {
  IconCommand,
  IconKey,
  IconKeyboard,
  IconListDetails,
  IconLogout,
  IconMoon,
  IconScan,
  IconStack2,
  IconSun,
  IconUser,
  IconUsers,
  type TablerIcon,
} from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { logout } from "../../api/endpoints";
import { sessionStore } from "../../api/session";
import { useStore } from "../../shared/store";
import { Mark } from "./Mark";
import { closeExam, useOpenExam } from "./openExam";
import css from "./shell.module.css";
import { StreamBadge } from "./StreamBadge";

interface Props {
  onPalette: () => void;
  onHelp: () => void;
  onPassword: () => void;
}

export function NavRail({ onPalette, onHelp, onPassword }: Props) {
  const exam = useOpenExam();
  return (
    <nav className={css.nav} aria-label="Main">
      <Link to="/" className={css.navMark} aria-label="ScanHub, to the worklist">
        <Mark size={24} />
      </Link>
      <Link to="/" className={css.navItem} activeOptions={{ exact: true, includeSearch: false }}>
        <NavFace icon={IconListDetails} label="Worklist" />
      </Link>
      {exam && (
        <Link
          to="/exams/$examId"
          params={{ examId: exam.examId }}
          search={{ task: exam.taskId ?? undefined }}
          activeOptions={{ includeSearch: false }}
          className={css.navItem}
        >
          <NavFace icon={IconStack2} label="Exam" />
        </Link>
      )}
      <Link to="/patients" className={css.navItem}>
        <NavFace icon={IconUsers} label="Patients" />
      </Link>
      <Link to="/devices" className={css.navItem}>
        <NavFace icon={IconScan} label="Devices" />
      </Link>
      <div className={css.navFill} />
      {!exam && <StreamBadge compact />}
      <button type="button" className={css.navItem} onClick={onPalette} title="Ctrl+K">
        <NavFace icon={IconCommand} label="Go to" />
      </button>
      <UserMenu onHelp={onHelp} onPassword={onPassword} />
    </nav>
  );
}

function NavFace({ icon: Icon, label }: { icon: TablerIcon; label: string }) {
  return (
    <>
      <Icon size={20} stroke={1.6} aria-hidden />
      <span>{label}</span>
    </>
  );
}

function UserMenu({ onHelp, onPassword }: Pick<Props, "onHelp" | "onPassword">) {
  const { user } = useStore(sessionStore);
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const client = useQueryClient();
  const dark = colorScheme === "dark";
  const leave = () => {
    closeExam();
    void logout()
      .catch(() => undefined)
      .finally(() => client.clear());
  };
  return (
    <Menu position="right-end" width={230} shadow="md">
      <Menu.Target>
        <button type="button" className={css.navItem} aria-label="Account and settings">
          <NavFace icon={IconUser} label="Account" />
        </button>
      </Menu.Target>
      <Menu.Dropdown className={css.menu}>
        <Menu.Label>
          {user ? `${user.first_name} ${user.last_name} · ${user.role}` : "Not logged in"}
        </Menu.Label>
        <Menu.Item
          leftSection={dark ? <IconSun size={16} /> : <IconMoon size={16} />}
          onClick={() => setColorScheme(dark ? "light" : "dark")}
        >
          {dark ? "Light theme" : "Dark theme"}
        </Menu.Item>
        <Menu.Item leftSection={<IconKeyboard size={16} />} onClick={onHelp} rightSection="?">
          Keyboard
        </Menu.Item>
        <Menu.Item leftSection={<IconKey size={16} />} onClick={onPassword}>
          Change password
        </Menu.Item>
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={leave}>
          Log out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
