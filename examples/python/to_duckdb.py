"""Put vectors into a DuckDB file, each once. Interrupted? Run the same command again."""

import duckdb

import stream

# Rows and the place to go on from, their highest sequence number, are stored by the same transaction.
SCHEMA = """CREATE TABLE IF NOT EXISTS vectors (
    stream TIMESTAMPTZ, sequence BIGINT, run TEXT, model TEXT, model_digest TEXT, read_id UUID,
    channel USMALLINT, mux UTINYINT, chunk UINTEGER, read_start UBIGINT, chunk_start UBIGINT,  -- starts: in samples
    samples UINTEGER, flags USMALLINT, embedding FLOAT[{dim}],
    PRIMARY KEY (run, read_id, chunk, model_digest))"""
EXISTS = "FROM duckdb_tables() WHERE table_name = 'vectors'"


async def main(args):
    with duckdb.connect(args.database) as db:
        async with stream.connect(args.nats) as source:
            after = 0
            if db.execute(EXISTS).fetchone():
                query = "SELECT coalesce(max(sequence), 0) FROM vectors WHERE stream = ?"
                (after,) = db.execute(query, [source.created]).fetchone()
            async for table in source.tables(after, args.until_idle, rows=args.rows):
                db.execute(SCHEMA.format(dim=table["embedding"].type.list_size))
                db.register("new", table)
                db.execute("INSERT OR REPLACE INTO vectors BY NAME FROM new")
                print(f"{len(table)} vectors, up to message {source.after}", flush=True)
        if db.execute(EXISTS).fetchone():
            count = db.execute("SELECT count(*), count(DISTINCT read_id) FROM vectors").fetchone()
            print("{} vectors of {} reads in".format(*count), args.database)


if __name__ == "__main__":
    stream.run(main, stream.loader_arguments(__doc__, "a .duckdb file; it is made when it does not exist"))
