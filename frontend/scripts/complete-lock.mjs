// An install records the builds for other platforms only where its registry has them at that
// moment, and `npm ci` refuses a lock that lacks one. Adds what is missing, by name and version.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const path = fileURLToPath(new URL("../package-lock.json", import.meta.url));
const lock = JSON.parse(readFileSync(path, "utf8"));
const { packages } = lock;

/** `@scope/binding-linux-arm64-musl` runs on one system, one processor, and maybe one C library. */
function platformOf(name) {
  const [os, cpu, libc] = /-(android|darwin|freebsd|linux|openharmony|win32)-(.+)$/
    .exec(name)
    .slice(1)
    .flatMap((part, at) => (at === 1 ? part.split("-") : [part]));
  return {
    cpu: [cpu],
    os: [os],
    ...(os === "linux" && libc && { libc: [libc.startsWith("musl") ? "musl" : "glibc"] }),
  };
}

const added = [];
for (const [owner, { version, dev, optionalDependencies = {} }] of Object.entries(packages)) {
  for (const [name, wanted] of Object.entries(optionalDependencies)) {
    if (packages[`node_modules/${name}`] || packages[`${owner}/node_modules/${name}`]) continue;
    if (wanted !== version) throw new Error(`${name} ${wanted} is not pinned to ${owner}`);
    packages[`node_modules/${name}`] = {
      version: wanted,
      ...platformOf(name),
      ...(dev && { dev }),
      optional: true,
      engines: packages[owner].engines,
    };
    added.push(name);
  }
}
const root = packages[""];
const others = Object.entries(packages).filter(([key]) => key !== "");
others.sort(([a], [b]) => a.localeCompare(b, "en"));
lock.packages = { "": root, ...Object.fromEntries(others) };
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
console.log(added.length === 0 ? "the lock is complete" : `added ${added.join(", ")}`);
