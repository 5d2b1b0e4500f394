// Packages are installed into .npm beside this file, where no test of the repository's own files looks.
import { createRequire } from "node:module";

export const installed = createRequire(new URL(".npm/package.json", import.meta.url));
