import { tanstackRouter } from "@tanstack/router-plugin/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const backend = process.env.SCANHUB_API ?? "http://127.0.0.1:8000";

export default defineConfig({
  base: "/",
  plugins: [
    tanstackRouter({
      target: "react",
      autoCodeSplitting: true,
      quoteStyle: "double",
      semicolons: true,
    }),
    react(),
  ],
  worker: { format: "es" },
  // The DICOM loader starts its worker relative to its own file; pre-bundling would move it away.
  optimizeDeps: {
    exclude: ["@cornerstonejs/dicom-image-loader"],
    include: ["dicom-parser"],
  },
  build: {
    target: "es2023",
    manifest: true,
    // The lazy viewer chunk is big by nature; `npm run size` guards the first screen instead.
    chunkSizeWarningLimit: 4000,
    rolldownOptions: {
      output: {
        codeSplitting: {
          // What is always wanted together comes in one file, with all that it imports: cut by who
          // shares it, an exam was 118 files, and a browser asks for six at a time.
          groups: [
            { name: "app", test: /\/src\/main\.tsx$/, priority: 3 },
            {
              name: "start",
              test: /\/features\/(shell\/AppShell|worklist\/WorklistPage)\.tsx$/,
              priority: 2,
            },
            {
              name: "exam",
              test: /\/features\/(exam\/(ExamPage|ImagesPane)|shell\/ExamFrame)\.tsx$/,
              priority: 1,
            },
          ],
        },
      },
    },
  },
  server: {
    host: "127.0.0.1",
    port: 5173,
    proxy: { "/api": { target: backend, ws: true } },
  },
  test: {
    environment: "jsdom",
    setupFiles: ["src/test-setup.ts"],
    include: ["src/**/*.test.{ts,tsx}", "scripts/**/*.test.mjs"],
    css: false,
    pool: "threads",
    maxWorkers: 1,
    isolate: false,
    // A busy machine is no fault of a test.
    testTimeout: 30_000,
  },
});
