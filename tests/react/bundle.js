/**
 * Bundles each page of `src/pages` for the browser: `node bundle.js FOLDER`. The page `react18-ui5` is made of `react18`
 * and `react-dom18`; `<page>.html` is empty at first, `<page>-hydrated.html` holds the server's markup. React comes in
 * its development build, which warns.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { build } from "esbuild";

const folder = resolve(process.argv[2]);
const require = createRequire(import.meta.url);

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

for (const file of readdirSync("src/pages")) {
  const name = file.replace(/\.jsx$/u, "");
  const [, version] = /^react(\d+)/u.exec(name);
  const options = {
    bundle: true,
    jsx: "automatic",
    alias: { react: `react${version}`, "react-dom": `react-dom${version}` },
    // React UI asks for more of the environment than this.
    define: { "process.env.NODE_ENV": '"development"', "process.env": "{}", global: "globalThis" },
    logLevel: "warning",
  };
  await build({ ...options, entryPoints: [join("src/pages", file)], outfile: join(folder, `${name}.js`) });
  const server = join(folder, `${name}.cjs`);
  await build({ ...options, entryPoints: ["src/markup.jsx"], outfile: server, platform: "node" });
  writeFileSync(join(folder, `${name}.html`), page(name, ""));
  writeFileSync(join(folder, `${name}-hydrated.html`), page(name, require(server).markup));
  rmSync(server);
}

/**
 * @param {string} name
 * @param {string} markup
 */
function page(name, markup) {
  return `<!doctype html>
<html lang="ru">
<meta charset="utf-8">
<title>${name}</title>
<script defer src="${name}.js"></script>
<body><div id="root">${markup}</div></body>
</html>
`;
}
