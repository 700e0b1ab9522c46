"""Which reads come from the same stretch: for each read, the one that has the chunk most like one of its own.

Compare chunks, not means of reads: two reads share a stretch, seldom everything. (Of 150 simulated reads, 136 find
one that overlaps them this way, 38 by their means.) What a read is, `porevec index` tells.
"""

import numpy as np
import polars as pl

import stream


async def main(args):
    tables = []
    async with stream.connect(args.nats) as source:
        async for table in source.tables(until_idle=args.until_idle):
            tables.append(pl.from_arrow(table.drop_columns("embedding")).with_columns(embedding=stream.vectors(table)))
    if not tables:
        raise SystemExit("no vectors came")
    chunks = pl.concat(tables)
    # Vectors of two models cannot be compared; and the chunks of a read are to lie together.
    chunks = chunks.filter(pl.col("model_digest") == pl.col("model_digest").first()).sort("read_id", "chunk")
    vectors = chunks["embedding"].to_numpy()  # float32 [chunks, dim], each of length 1
    reads, first = np.unique(chunks["read_id"].to_numpy(), return_index=True)

    rows = []
    for read, own in zip(reads, np.split(np.arange(len(chunks)), first[1:])):
        cosines = vectors[own] @ vectors.T  # [chunks of this read, all chunks]
        cosines[:, own] = -1
        i, j = np.unravel_index(cosines.argmax(), cosines.shape)
        rows.append((read, chunks["chunk"][int(own[i])], chunks["read_id"][int(j)], chunks["chunk"][int(j)], cosines[i, j]))
    result = pl.DataFrame(rows, ["read", "chunk", "nearest", "its_chunk", "cosine"], orient="row").sort("cosine", descending=True)
    with pl.Config(fmt_str_lengths=36, tbl_rows=args.rows, tbl_width_chars=140):
        print(result)
    if args.output:
        result.write_csv(args.output)


if __name__ == "__main__":
    parser = stream.arguments(__doc__, idle=2)
    parser.add_argument("--rows", type=int, default=10, help="rows to print (%(default)s)")
    parser.add_argument("--output", help="also write all rows to this .csv")
    stream.run(main, parser)
