import { Plane } from "./pca.js";
import { subscribe } from "./porevec.js";

// index.html?ws=ws://127.0.0.1:8222&minutes=10: the listener, and how far to look back.
const query = new URLSearchParams(location.search);
const url = query.get("ws") ?? "ws://127.0.0.1:8222";
const minutes = Number(query.get("minutes") ?? 10);

const SHOWN = 16; // reads in the table
const KEPT = 4000; // vectors in the picture: 2 MB
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]; // told apart by everyone

const reads = new Map(); // by id, the one heard of last at the end
let points = []; // {readID, chunk, vector}
let plane, digest, model, run;
let total = 0;

const $ = (id) => document.getElementById(id);

async function listen() {
  let since = new Date(Date.now() - minutes * 60_000);
  for (;;) {
    try {
      $("state").textContent = `waiting for vectors from ${url}`;
      for await (const batch of subscribe(url, since)) {
        take(batch);
        since = new Date();
      }
    } catch (error) {
      console.error(error);
      $("state").textContent =
        `no stream at ${url}; trying again. Does porevec run with --websocket, and let in pages from ${location.origin} (--websocket-origin)?`;
    }
    await new Promise((wake) => setTimeout(wake, 2000));
  }
}

function take(batch) {
  if (batch.digest !== digest) {
    // Another model: its vectors lie in another space.
    ({ digest, model, run } = batch);
    plane = new Plane(batch.dim);
    points = [];
  }
  batch.rows.forEach((row, i) => {
    const read = reads.get(row.readID) ?? { ...row, chunks: 0, all: new Set() };
    reads.delete(row.readID);
    reads.set(row.readID, read);
    read.chunks++;
    read.seconds = (row.start + row.samples) / batch.sampleRate;
    row.flags.forEach((flag) => read.all.add(flag));
    points.push({ readID: row.readID, chunk: row.chunk, vector: batch.vectors.subarray(i * batch.dim, (i + 1) * batch.dim) });
  });
  for (const old of [...reads.keys()].slice(0, Math.max(0, reads.size - KEPT))) reads.delete(old);
  points = points.slice(-KEPT);
  total += batch.rows.length;
  run = batch.run;
  $("state").textContent = `run ${run}, ${model}`;
}

function draw() {
  const latest = [...reads.values()].reverse().slice(0, SHOWN);
  const colour = new Map(latest.slice(0, COLOURS.length).map((read, i) => [read.readID, COLOURS[i]]));
  $("total").textContent = `${total} vectors`;
  $("reads").replaceChildren(...latest.map((read) => {
    const line = document.createElement("tr");
    const texts = [read.readID, read.channel, read.chunks, read.seconds.toFixed(1), [...read.all].join(" ")];
    line.append(...texts.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
    line.style.setProperty("--colour", colour.get(read.readID) ?? "transparent");
    return line;
  }));
  if (points.length > 2) scatter(colour);
}

function scatter(colour) {
  plane.fit(points.map((point) => point.vector));
  const at = points.map((point) => plane.project(point.vector));
  const reach = at.reduce((most, [x, y]) => Math.max(most, Math.abs(x), Math.abs(y)), 0);
  const canvas = $("plane");
  const size = (canvas.width = canvas.height = canvas.clientWidth * devicePixelRatio);
  const scale = (0.48 * size) / reach;
  const pen = canvas.getContext("2d");
  const dot = ([x, y], radius) => {
    pen.beginPath();
    pen.arc(size / 2 + x * scale, size / 2 - y * scale, radius * devicePixelRatio, 0, 2 * Math.PI);
    pen.fill();
  };
  pen.fillStyle = "#8888";
  at.forEach((place, i) => colour.has(points[i].readID) || dot(place, 1.5));
  for (const [readID, shade] of colour) {
    // The chunks of a read are joined in their order.
    const own = at.filter((_, i) => points[i].readID === readID);
    pen.fillStyle = pen.strokeStyle = shade;
    pen.beginPath();
    own.forEach(([x, y]) => pen.lineTo(size / 2 + x * scale, size / 2 - y * scale));
    pen.stroke();
    own.forEach((place) => dot(place, 3.5));
  }
}

setInterval(draw, 500);
listen();
