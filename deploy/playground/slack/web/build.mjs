// Bundles the page into dist/: one script, one style sheet, one HTML file. Nothing is fetched at run time.
import { build } from "esbuild";
import { copyFile, mkdir } from "node:fs/promises";

await mkdir("dist", { recursive: true });
await build({
  entryPoints: ["src/main.tsx"],
  bundle: true,
  minify: true,
  outdir: "dist",
  format: "esm",
  target: "es2022",
  define: { "process.env.NODE_ENV": '"production"' },
  legalComments: "linked",
});
await copyFile("src/index.html", "dist/index.html");
