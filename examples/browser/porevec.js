// Vectors of a porevec stream, in a browser or in Node. docs/wire.md describes the messages.
import { wsconnect } from "@nats-io/nats-core";
import { DeliverPolicy, jetstream } from "@nats-io/jetstream";
import { tableFromIPC } from "apache-arrow";

const STREAM = "POREVEC";
const SUBJECT = "porevec.v1.*.*.*.emb"; // the asterisks: rig, position, run

const FLAGS = ["tail", "short", "gap_before", "head_missing", "stall", "open_pore", "cut", "merged", "repeated", "unchecked"];

// subscribe yields decoded messages: those stored since the Date, or all, and then new ones as they come.
// options are those of wsconnect.
export async function* subscribe(url, since, options = {}) {
  const connection = await wsconnect({ servers: url, maxReconnectAttempts: -1, ...options });
  try {
    const consumer = await jetstream(connection).consumers.get(STREAM, {
      filter_subjects: SUBJECT,
      ...(since
        ? { deliver_policy: DeliverPolicy.StartTime, opt_start_time: since.toISOString() }
        : { deliver_policy: DeliverPolicy.All }),
    });
    // Few messages ahead: one has up to 256 KiB.
    for await (const message of await consumer.consume({ max_messages: 32 })) {
      yield { sequence: message.seq, ...decode(message.data) };
    }
  } finally {
    await connection.close();
  }
}

// decode takes a message apart: a Float32Array [rows · dim] of vectors, and an object for each row.
export function decode(payload) {
  const table = tableFromIPC(payload);
  const meta = Object.fromEntries(table.schema.metadata);
  const column = (name) => table.getChild(name);
  const [readID, channel, chunk, start, samples, flags] =
    ["read_id", "channel", "chunk", "chunk_start", "samples", "flags"].map(column);
  const rows = Array.from({ length: table.numRows }, (_, i) => ({
    readID: uuid(readID.get(i)),
    channel: channel.get(i),
    chunk: chunk.get(i),
    start: Number(start.get(i)), // samples since the read's start: uint64, so a BigInt
    samples: samples.get(i),
    flags: FLAGS.filter((_, bit) => flags.get(i) & (1 << bit)),
  }));
  const values = column("embedding").data[0].children[0].values; // all vectors, one behind the other
  return {
    run: meta["porevec.run"],
    model: meta["porevec.model"],
    digest: meta["porevec.model_digest"], // only vectors of one digest can be compared
    sampleRate: Number(meta["porevec.sample_rate"]),
    dim: Number(meta["porevec.dim"]),
    rows,
    vectors: values instanceof Uint16Array ? Float32Array.from(values, (bits) => HALVES[bits]) : values,
  };
}

function uuid(bytes) {
  const hex = Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

// HALVES has the value of every float16 (1 sign, 5 exponent, 10 fraction bits): JavaScript has no type for them
// everywhere yet.
const HALVES = Float32Array.from({ length: 1 << 16 }, (_, bits) => {
  const sign = bits >> 15 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = (bits & 1023) / 1024;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction) : 2 ** -14 * fraction); // 0: subnormal
});
