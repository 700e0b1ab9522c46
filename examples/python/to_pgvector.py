"""Put vectors into PostgreSQL with the extension pgvector, each once. Interrupted? Run the same command again."""

import psycopg
from pgvector.psycopg import register_vector

import stream

# Rows and the place to go on from, their highest sequence number, are stored by the same transaction.
SCHEMA = """CREATE TABLE IF NOT EXISTS vectors (
    stream timestamptz, sequence bigint, run text, model text, model_digest text, read_id uuid,
    channel int, mux int, chunk bigint, read_start bigint, chunk_start bigint,  -- starts: in samples
    samples bigint, flags int, embedding vector({dim}),
    PRIMARY KEY (run, read_id, chunk, model_digest))"""
STAGE = "CREATE TEMP TABLE IF NOT EXISTS new (LIKE vectors) ON COMMIT DELETE ROWS"
REPLACE = """DELETE FROM vectors v USING new n
    WHERE (v.run, v.read_id, v.chunk, v.model_digest) = (n.run, n.read_id, n.chunk, n.model_digest)"""


async def main(args):
    with psycopg.connect(args.database, autocommit=True) as db:
        db.execute("CREATE EXTENSION IF NOT EXISTS vector")
        register_vector(db)
        async with stream.connect(args.nats) as source:
            after = 0
            if db.execute("SELECT to_regclass('vectors')").fetchone()[0]:
                query = "SELECT coalesce(max(sequence), 0) FROM vectors WHERE stream = %s"
                (after,) = db.execute(query, [source.created]).fetchone()
            async for table in source.tables(after, args.until_idle, rows=args.rows):
                columns = [table[name].to_pylist() for name in table.column_names[:-1]]
                with db.transaction():
                    db.execute(SCHEMA.format(dim=table["embedding"].type.list_size))
                    db.execute(STAGE)
                    with db.cursor().copy(f"COPY new ({', '.join(table.column_names)}) FROM STDIN") as copy:
                        for row in zip(*columns, stream.vectors(table)):
                            copy.write_row(row)
                    db.execute(REPLACE)
                    db.execute("INSERT INTO vectors SELECT * FROM new")
                print(f"{len(table)} vectors, up to message {source.after}", flush=True)
        if db.execute("SELECT to_regclass('vectors')").fetchone()[0]:
            print(*db.execute("SELECT count(*) FROM vectors").fetchone(), "vectors in all")


if __name__ == "__main__":
    stream.run(main, stream.loader_arguments(__doc__, "such as postgresql://user@localhost/reads"))
