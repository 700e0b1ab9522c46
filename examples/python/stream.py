"""What the examples share: the vectors of a porevec stream as Arrow tables.

docs/wire.md describes the messages.
"""

import argparse
import asyncio
import contextlib
import sys
import time
import uuid

import nats
import numpy as np
import pyarrow as pa
from nats.js.api import ConsumerConfig, DeliverPolicy

STREAM = "POREVEC"
SUBJECT = "porevec.v1.*.*.*.emb"  # the asterisks: rig, position, run
KEY = ["run", "read_id", "chunk", "model_digest"]  # names a vector
PLAIN = ["channel", "mux", "chunk", "read_start", "chunk_start", "samples", "flags"]


def arguments(doc, idle=None):
    """The flags of every example; doc is its docstring."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nats", default="nats://127.0.0.1:4222", help="server of porevec's --listen (%(default)s)")
    parser.add_argument("--until-idle", type=float, default=idle, metavar="SECONDS",
                        help="end when nothing has come for so long (default: %(default)s; None waits on)")
    return parser


def loader_arguments(doc, database):
    """Those of a loader; database says what it loads into."""
    parser = arguments(doc)
    parser.add_argument("--rows", type=int, default=4096, help="vectors in a transaction, about (%(default)s)")
    parser.add_argument("database", help=database)
    return parser


def run(main, parser):
    try:
        asyncio.run(main(parser.parse_args()))
    except KeyboardInterrupt:
        pass


@contextlib.asynccontextmanager
async def connect(url):
    async def complain(error):
        print("nats:", error, file=sys.stderr)  # it connects again, for two minutes

    connection = await nats.connect(url, error_cb=complain)
    try:
        js = connection.jetstream()
        yield Source(js, (await js.stream_info(STREAM)).created)
    finally:
        await connection.close()


class Source:
    """A stream. Its time of creation (UTC) tells it from another one, whose sequence numbers begin anew."""

    def __init__(self, js, created):
        self.js, self.created = js, created
        self.after = self.delivered = 0  # sequence numbers of the last message, in the stream and in the consumer

    async def start(self, after=0, new=False):
        """Begin behind sequence number `after`, or with what comes from now on."""
        self.after = (await self.js.stream_info(STREAM)).state.last_seq if new else after
        config = ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=self.after + 1)
        self.subscription = await self.js.subscribe(SUBJECT, stream=STREAM, ordered_consumer=True, config=config)

    async def next(self, timeout=None):
        """The next message as a table; None when none came within `timeout` seconds."""
        while True:
            try:
                message = await self.subscription.next_msg(timeout=timeout)
            except asyncio.TimeoutError:
                return None
            number = message.metadata.sequence
            if number.consumer not in (1, self.delivered + 1):  # 1: a new consumer, the client lost the old one
                raise ConnectionError(f"messages behind {self.after} did not come; start again")
            self.delivered = number.consumer
            if number.stream > self.after:  # a new consumer may begin too early
                self.after = number.stream
                return decode(message.data, number.stream, self.created)

    async def tables(self, after=0, until_idle=None, seconds=1.0, rows=4096):
        """Tables for a database, which likes few large transactions: what comes within a second, or about 4096 rows.

        A table holds whole messages: what is behind its highest `sequence` is missing from it, and nothing else.
        """
        await self.start(after)
        while True:
            group, timeout = [], until_idle
            while (timeout is None or timeout > 0) and sum(map(len, group)) < rows:
                if (table := await self.next(timeout)) is None:
                    break
                end = end if group else time.monotonic() + seconds
                timeout = end - time.monotonic()
                group.append(table)
            if not group:
                return
            yield last_of_each(pa.concat_tables(group))


def decode(payload, sequence, created):
    """One message as a table: the columns of docs/wire.md, float32 vectors, and what is the same in all rows."""
    table = pa.ipc.open_stream(payload).read_all()
    meta = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    column = table["embedding"].combine_chunks()
    values = column.flatten().to_numpy(zero_copy_only=False).astype(np.float32)  # float16 or float32 on the wire
    same = lambda value, kind: pa.repeat(pa.scalar(value, kind), len(table))
    return pa.table({
        "stream": same(created, pa.timestamp("us", "UTC")),
        "sequence": same(sequence, pa.int64()),
        "run": same(meta["porevec.run"], pa.string()),
        "model": same(meta["porevec.model"], pa.string()),
        "model_digest": same(meta["porevec.model_digest"], pa.string()),
        "read_id": pa.array([str(uuid.UUID(bytes=b)) for b in table["read_id"].to_pylist()], pa.string()),
        **{name: table[name].cast(pa.int64()) for name in PLAIN},
        "embedding": pa.FixedSizeListArray.from_arrays(pa.array(values), column.type.list_size),
    })


def vectors(table):
    """The vectors of a table, [rows, dim], of length 1: their scalar products are cosines."""
    column = table["embedding"].combine_chunks()
    return column.flatten().to_numpy().reshape(len(table), -1)


def last_of_each(table):
    """A run that was followed live, and then embedded from its files, has a key twice: the later vector counts."""
    rows = {key: i for i, key in enumerate(zip(*(table[name].to_pylist() for name in KEY)))}
    return table if len(rows) == len(table) else table.take(sorted(rows.values()))
