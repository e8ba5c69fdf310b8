// Compiles the standard JSON on stdin with the npm package solc; the answer goes to stdout.
// Imports that are not among the sources are read from node_modules.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const solc = require("solc");

const packages = path.resolve(__dirname, "../../node_modules");

function readImport(name) {
  const file = path.resolve(packages, name);
  if (!file.startsWith(packages + path.sep)) return { error: `${name} is outside node_modules` };
  try {
    return { contents: fs.readFileSync(file, "utf8") };
  } catch (error) {
    return { error: error.message };
  }
}

const input = fs.readFileSync(0, "utf8");
process.stdout.write(solc.compile(input, { import: readImport }));
