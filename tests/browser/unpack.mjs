// Unpacks the Chromium of the package into node_modules/.chromium: the program, the libraries that a slim Debian lacks,
// and one family of fonts, so that screenshots are the same on every machine.

import { createReadStream, createWriteStream, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createRequire } from "node:module";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";

const require = createRequire(import.meta.resolve("@sparticuz/chromium"));
const { extract } = require("tar-fs");
const packed = new URL("../bin/", import.meta.resolve("@sparticuz/chromium"));
const target = fileURLToPath(new URL("node_modules/.chromium", import.meta.url));

const unpack = (name, to) =>
  pipeline(createReadStream(new URL(`${name}.br`, packed)), createBrotliDecompress({ chunkSize: 2 ** 21 }), to);

rmSync(target, { recursive: true, force: true });
mkdirSync(target);
await Promise.all([
  unpack("chromium", createWriteStream(`${target}/chromium`, { mode: 0o755 })),
  unpack("al2023.tar", extract(target)),
  unpack("fonts.tar", extract(target)),
]);
// Of the package's own only the name is good: it looks in the folders of a cloud function.
writeFileSync(
  `${target}/fonts.conf`,
  `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>${target}/fonts</dir><cachedir>${target}/cache</cachedir></fontconfig>
`,
);
