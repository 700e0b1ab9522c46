"""Put vectors into a LanceDB folder, each once. Interrupted? Run the same command again."""

import lancedb

import stream


async def main(args):
    db = lancedb.connect(args.database)
    async with stream.connect(args.nats) as source:
        vectors, after = None, 0
        if "vectors" in db.list_tables().tables:
            vectors = db.open_table("vectors")
            # A merge is one version of the table, whole or not at all: its rows tell where to go on.
            of_this = f"stream = timestamp '{source.created:%Y-%m-%d %H:%M:%S.%f}'"
            after = max(vectors.search().where(of_this).select(["sequence"]).to_arrow()["sequence"].to_pylist(), default=0)
        async for table in source.tables(after, args.until_idle, seconds=5, rows=args.rows):  # each merge is a file of its own
            vectors = vectors or db.create_table("vectors", schema=table.schema)
            merge = vectors.merge_insert(stream.KEY).when_matched_update_all().when_not_matched_insert_all()
            merge.execute(table)
            print(f"{len(table)} vectors, up to message {source.after}", flush=True)
    if vectors is not None:
        vectors.optimize()  # joins the small files
        print(vectors.count_rows(), "vectors in", args.database)


if __name__ == "__main__":
    stream.run(main, stream.loader_arguments(__doc__, "a folder; it is made when it does not exist"))
