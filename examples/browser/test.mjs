// node test.mjs ws://127.0.0.1:8222 vectors.ndjson: the stream, decoded here, against what porevec itself made of it
// (porevec subscribe --json). Exits with 1 when a vector differs in any bit, is missing, or is there too often.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import WebSocket from "ws";
import { Plane } from "./pca.js";
import { subscribe } from "./porevec.js";

const [url, file] = process.argv.slice(2);
const want = readFileSync(file, "utf8").trim().split("\n").map(JSON.parse);

// Node before 22 has no WebSocket of its own; a page's origin must be one that porevec lets in.
const options = { wsFactory: (to) => Promise.resolve({ socket: socket(to), encrypted: false }) };
function socket(to) {
  const s = new WebSocket(to, { origin: "http://localhost:8000" });
  s.binaryType = "arraybuffer";
  return s;
}

const got = [];
for await (const batch of subscribe(url, undefined, options)) {
  batch.rows.forEach((row, i) => {
    got.push({ ...row, run: batch.run, model: batch.model, vector: batch.vectors.subarray(i * batch.dim, (i + 1) * batch.dim) });
  });
  if (got.length >= want.length) break;
}
assert.equal(got.length, want.length);
want.forEach((w, i) => {
  const g = got[i];
  assert.deepEqual([g.run, g.model, g.readID, g.channel, g.chunk, g.start, g.samples], [w.run, w.model, w.read_id, w.channel, w.chunk, w.chunk_start, w.samples]);
  assert.equal(g.flags.join(","), w.flags);
  assert.deepEqual(Array.from(g.vector), w.embedding.map(Math.fround));
});

// Points on a plane in five dimensions, longer in one direction: the axes found are that plane's.
const plane = new Plane(5);
const flat = Array.from({ length: 200 }, (_, i) => [1, 5 * Math.cos(i), 1, Math.sin(i), 1]);
plane.fit(flat, 20);
const unit = plane.axes.map((axis) => Array.from(axis, (x) => Math.round(Math.abs(x))));
assert.deepEqual(unit, [[0, 1, 0, 0, 0], [0, 0, 0, 1, 0]]);

console.log(`${got.length} vectors of ${new Set(got.map((g) => g.readID)).size} reads, each the same as porevec's`);
process.exit(0);
