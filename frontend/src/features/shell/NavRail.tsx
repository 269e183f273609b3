import { Menu, useMantineColorScheme } from "@mantine/core";
import {
  IconArchive,
  IconBook,
  IconFlag,
  IconCommand,
  IconHeartbeat,
  IconKey,
  IconKeyboard,
  IconLanguage,
  IconListDetails,
  IconLogout,
  IconMoon,
  IconPlayerPauseFilled,
  IconRoute,
  IconScan,
  IconSend,
  IconSettings,
  IconStack2,
  IconStackFront,
  IconSun,
  IconUser,
  IconUsers,
  type TablerIcon,
} from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useRouterState } from "@tanstack/react-router";

import { logout } from "../../api/endpoints";
import { imageQueries } from "../../api/imageQueries";
import { sessionStore } from "../../api/session";
import { said, shownLanguage, t } from "../../i18n";
import { chooseLanguage, type Language, LANGUAGES } from "../../i18n/language";
import { ROLE_WORDS } from "../../shared/roles";
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
  const { user } = useStore(sessionStore);
  const path = useRouterState({ select: ({ location }) => location.pathname });
  /** A place stands for all pages of its sub-navigation. */
  const place = (to: string, others: string[]) => ({
    className: css.navItem,
    activeOptions: { includeSearch: false },
    "data-status": [to, ...others].some((page) => path.startsWith(page)) ? "active" : undefined,
  });
  return (
    <nav className={css.nav} aria-label={t("Main")}>
      <Link to="/" className={css.navMark} aria-label={t("ScanHub, to the worklist")}>
        <Mark size={24} />
      </Link>
      <Link to="/" className={css.navItem} activeOptions={{ exact: true, includeSearch: false }}>
        <NavFace icon={IconListDetails} label={said("menu", "Worklist")} />
      </Link>
      {exam && (
        <Link
          to="/exams/$examId"
          params={{ examId: exam.examId }}
          search={{ task: exam.taskId ?? undefined }}
          activeOptions={{ includeSearch: false }}
          className={css.navItem}
        >
          <NavFace icon={IconStack2} label={said("menu", "Exam")} />
        </Link>
      )}
      <Link to="/patients" className={css.navItem}>
        <NavFace icon={IconUsers} label={t("Patients")} />
      </Link>
      <Link to="/devices" className={css.navItem}>
        <NavFace icon={IconScan} label={t("Devices")} />
      </Link>
      <Link to="/protocols" {...place("/protocols", ["/sequences"])}>
        <NavFace icon={IconBook} label={t("Library")} />
      </Link>
      <Link to="/cases" className={css.navItem}>
        <NavFace icon={IconStackFront} label={t("Cases")} />
      </Link>
      <Link to="/queue" className={css.navItem}>
        <QueueFace />
      </Link>
      <Link to="/archive" {...place("/archive", ["/upload", "/retrieve", "/commitments"])}>
        <NavFace icon={IconArchive} label={t("Archive")} />
      </Link>
      <Link to="/rules" {...place("/rules", ["/targets", "/modules", "/notifications"])}>
        <NavFace icon={IconRoute} label={t("Routing")} />
      </Link>
      <Link
        to="/health"
        {...place("/health", ["/processing", "/runs", "/selftest", "/cleaning", "/backups"])}
      >
        <NavFace icon={IconHeartbeat} label={t("Health")} />
      </Link>
      {user?.role === "admin" && (
        <Link to="/users" {...place("/users", ["/sessions", "/audit", "/changes", "/settings"])}>
          <NavFace icon={IconSettings} label={said("menu", "Admin")} />
        </Link>
      )}
      <div className={css.navFill} />
      {!exam && <StreamBadge compact />}
      <button type="button" className={css.navItem} onClick={onPalette} title={t("Ctrl+K")}>
        <NavFace icon={IconCommand} label={t("Go to")} />
      </button>
      <UserMenu onHelp={onHelp} onPassword={onPassword} />
    </nav>
  );
}

/** A pause is seen on every page: whoever made it may have forgotten it. */
function QueueFace() {
  const paused = (useQuery(imageQueries.pauses).data ?? []).length > 0;
  return paused ? (
    <span className={css.navPaused} title={t("Sending is paused")}>
      <NavFace icon={IconPlayerPauseFilled} label={t("Paused")} />
    </span>
  ) : (
    <NavFace icon={IconSend} label={said("of what is sent", "Queue")} />
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
  const others = (Object.keys(LANGUAGES) as Language[]).filter((one) => one !== shownLanguage());
  const leave = () => {
    closeExam();
    void logout()
      .catch(() => undefined)
      .finally(() => client.clear());
  };
  return (
    <Menu position="right-end" width={230} shadow="md">
      <Menu.Target>
        <button type="button" className={css.navItem} aria-label={t("Account and settings")}>
          <NavFace icon={IconUser} label={t("Account")} />
        </button>
      </Menu.Target>
      <Menu.Dropdown className={css.menu}>
        <Menu.Label>
          {user
            ? `${user.first_name} ${user.last_name} · ${ROLE_WORDS[user.role] ?? user.role}`
            : t("Not logged in")}
        </Menu.Label>
        <Menu.Item
          leftSection={dark ? <IconSun size={16} /> : <IconMoon size={16} />}
          onClick={() => setColorScheme(dark ? "light" : "dark")}
        >
          {dark ? t("Light theme") : t("Dark theme")}
        </Menu.Item>
        {others.map((language) => (
          <Menu.Item
            key={language}
            lang={language}
            leftSection={<IconLanguage size={16} />}
            onClick={() => chooseLanguage(language)}
          >
            {LANGUAGES[language]}
          </Menu.Item>
        ))}
        <Menu.Item leftSection={<IconKeyboard size={16} />} onClick={onHelp} rightSection="?">
          {t("Keyboard")}
        </Menu.Item>
        <Menu.Item leftSection={<IconUser size={16} />} component={Link} to="/account">
          {t("Your account")}
        </Menu.Item>
        <Menu.Item leftSection={<IconFlag size={16} />} component={Link} to="/welcome">
          {t("Get started")}
        </Menu.Item>
        <Menu.Item leftSection={<IconKey size={16} />} onClick={onPassword}>
          {t("Change password")}
        </Menu.Item>
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={leave}>
          {t("Log out")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
