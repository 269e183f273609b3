import { Link, type LinkProps } from "@tanstack/react-router";

import { t } from "../i18n";
import page from "./page.module.css";

/** Pages that belong together, below one place of the main navigation. */
function SubNav({ label, pages }: { label: string; pages: [LinkProps["to"], string][] }) {
  return (
    <nav className={page.subNav} aria-label={label}>
      {pages.map(([to, name]) => (
        <Link key={to} to={to} className={page.tab} activeOptions={{ includeSearch: false }}>
          {name}
        </Link>
      ))}
    </nav>
  );
}

/** Where images go and who is told. */
export const RoutingTabs = () => (
  <SubNav
    label={t("Routing")}
    pages={[
      ["/rules", t("Rules")],
      ["/targets", t("Targets")],
      ["/modules", t("Modules")],
      ["/notifications", t("Notifications")],
    ]}
  />
);

/** The images, and the ways in for those that no scanner sends. */
export const ArchiveTabs = () => (
  <SubNav
    label={t("Images")}
    pages={[
      ["/archive", t("Studies")],
      ["/upload", t("Upload")],
      ["/retrieve", t("Fetch")],
      ["/commitments", t("Commitments")],
    ]}
  />
);

/** What can be scanned, and what it is made of. */
export const LibraryTabs = () => (
  <SubNav
    label={t("Library")}
    pages={[
      ["/protocols", t("Protocols")],
      ["/sequences", t("Sequences")],
    ]}
  />
);

/** Who may do what, what was done, and how this installation is set up. */
export const AdminTabs = () => (
  <SubNav
    label={t("Administration")}
    pages={[
      ["/users", t("Users")],
      ["/sessions", t("Logins")],
      ["/audit", t("Audit log")],
      ["/changes", t("Configuration changes")],
      ["/settings", t("Settings")],
    ]}
  />
);

/** How the platform does, and what keeps it so. */
export const HealthTabs = () => (
  <SubNav
    label={t("Platform")}
    pages={[
      ["/health", t("Overview")],
      ["/processing", t("Processing")],
      ["/runs", t("Runs")],
      ["/selftest", t("Self-test")],
      ["/cleaning", t("Cleaning")],
      ["/backups", t("Backups")],
    ]}
  />
);
