// Makes src/api/*.d.ts from the committed OpenAPI documents of the three services.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
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
