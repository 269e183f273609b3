// The first screen must stay below its budget: gzip sizes of all that index.html and the landing
// route load before anything is clicked. Lazy chunks are printed, not counted.
import { readFileSync, readdirSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { fileURLToPath } from "node:url";

const BUDGET_KB = 300;
const FIRST_ROUTES = ["src/routes/_app.tsx", "src/routes/_app/index.tsx", "src/routes/login.tsx"];
const dist = fileURLToPath(new URL("../dist/", import.meta.url));
const manifest = JSON.parse(readFileSync(`${dist}.vite/manifest.json`, "utf8"));
const gzipKb = (file) => gzipSync(readFileSync(dist + file), { level: 9 }).length / 1024;

const first = new Set();
function add(key) {
  const chunk = manifest[key];
  if (!chunk || first.has(chunk.file)) return;
  first.add(chunk.file);
  for (const css of chunk.css ?? []) first.add(css);
  for (const imported of chunk.imports ?? []) add(imported);
}
add("index.html");
for (const [key, chunk] of Object.entries(manifest)) {
  if (FIRST_ROUTES.some((route) => (chunk.src ?? key).startsWith(route))) add(key);
}

let total = 0;
const rows = readdirSync(`${dist}assets`)
  .filter((name) => /\.(js|css)$/.test(name))
  .map((name) => ({ file: `assets/${name}`, kb: gzipKb(`assets/${name}`) }))
  .toSorted((a, b) => b.kb - a.kb);
for (const { file, kb } of rows) {
  const counted = first.has(file);
  if (counted) total += kb;
  if (counted || kb > 5) {
    console.log(`${kb.toFixed(1).padStart(8)} KB gz  ${counted ? "first" : "lazy "}  ${file}`);
  }
}
console.log(`${total.toFixed(1).padStart(8)} KB gz  first screen (budget ${BUDGET_KB})`);
if (total > BUDGET_KB) process.exitCode = 1;
