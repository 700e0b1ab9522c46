"""Writes two files of porevec anew, as other programs would: see TestReadRewritten.

    python rewrite.py x-float16.parquet x-float32.parquet   (pyarrow 26, polars 2.1)
"""

import sys

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

half, single = sys.argv[1:]
numbers = ["sample_rate", "channel", "mux", "chunk", "read_start", "chunk_start", "samples", "flags"]

table = pq.read_table(half)
meta = {k.decode(): v.decode() for k, v in table.schema.metadata.items()}
pq.write_table(table, "float16-snappy.parquet")
pq.write_table(table, "float16-pages2.parquet", compression="zstd", data_page_version="2.0", data_page_size=500)
pq.write_table(table.drop_columns("sample_rate"), "float16-lz4-old.parquet", compression="lz4")
pl.read_parquet(half).write_parquet("float16-polars.parquet", metadata=meta)
for codec in ["lz4", "zstd"]:
    with pa.ipc.new_file(f"float16-{codec}.arrow", table.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as f:
        f.write_table(table)

table = pq.read_table(single)
pq.write_table(table, "float32-split.parquet", compression="gzip", use_dictionary=["run", "read_id"],
               column_encoding={c: "DELTA_BINARY_PACKED" for c in numbers} | {"embedding.list.element": "BYTE_STREAM_SPLIT"})
pq.write_table(table, "float32-plain.parquet", compression="none", use_dictionary=False, row_group_size=70)
views = pl.read_parquet(single).to_arrow(compat_level=pl.CompatLevel.newest())
views = views.append_column("comment", pa.array(["other"] * len(views))).replace_schema_metadata(meta)
with pa.ipc.new_file("float32-views.arrow", views.schema) as f:
    f.write_table(views)
