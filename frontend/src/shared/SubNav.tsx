import { Link, type LinkProps } from "@tanstack/react-router";

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
    label="Routing"
    pages={[
      ["/rules", "Rules"],
      ["/targets", "Targets"],
      ["/modules", "Modules"],
      ["/notifications", "Notifications"],
    ]}
  />
);

/** The images, and the ways in for those that no scanner sends. */
export const ArchiveTabs = () => (
  <SubNav
    label="Images"
    pages={[
      ["/archive", "Studies"],
      ["/upload", "Upload"],
      ["/retrieve", "Fetch"],
      ["/commitments", "Commitments"],
    ]}
  />
);

/** What can be scanned, and what it is made of. */
export const LibraryTabs = () => (
  <SubNav
    label="Library"
    pages={[
      ["/protocols", "Protocols"],
      ["/sequences", "Sequences"],
    ]}
  />
);

/** Who may do what, what was done, and how this installation is set up. */
export const AdminTabs = () => (
  <SubNav
    label="Administration"
    pages={[
      ["/users", "Users"],
      ["/sessions", "Logins"],
      ["/audit", "Audit log"],
      ["/changes", "Configuration changes"],
      ["/settings", "Settings"],
    ]}
  />
);

/** How the platform does, and what keeps it so. */
export const HealthTabs = () => (
  <SubNav
    label="Platform"
    pages={[
      ["/health", "Overview"],
      ["/processing", "Processing"],
      ["/runs", "Runs"],
      ["/selftest", "Self-test"],
      ["/cleaning", "Cleaning"],
      ["/backups", "Backups"],
    ]}
  />
);
