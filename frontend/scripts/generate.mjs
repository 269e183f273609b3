// Makes src/api/*.d.ts and the schemas of targets and modules from the committed OpenAPI documents.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const documents = process.env.OPENAPI_DIR ?? `${root}../docs/openapi`;
for (const service of ["exam-manager", "device-manager", "workflow-manager"]) {
  const source = `${documents}/${service}.json`;
  if (!existsSync(source)) {
    console.error(`missing ${source}: run "scanhub openapi" first`);
    process.exitCode = 1;
    continue;
  }
  execFileSync(
    "npx",
    ["--no-install", "openapi-typescript", source, "-o", `src/api/${service}.d.ts`],
    { cwd: root, stdio: "inherit" },
  );
}

// The forms of targets are drawn from the schemas of their types, each with its settings only.
const workflow = `${documents}/workflow-manager.json`;
if (existsSync(workflow)) {
  const { schemas } = JSON.parse(readFileSync(workflow, "utf8")).components;
  const types = schemas.TargetIn.oneOf.map(({ $ref }) => schemas[$ref.split("/").at(-1)]);
  write(
    "target-schemas",
    Object.fromEntries(types.map((schema) => [schema.properties.target_type.const, schema])),
  );
  write("module-schema", schemas.ModuleIn);
}

function write(name, document) {
  const place = fileURLToPath(new URL(`../src/api/${name}.json`, import.meta.url));
  writeFileSync(place, `${JSON.stringify(document, null, 1)}\n`);
}
