"""Print vectors as they are made: a line for each message of a porevec stream."""

import numpy as np

import stream


async def main(args):
    print(f"{'SEQUENCE':>8}  {'ROWS':>5}  {'LAST READ':36}  CHANNEL  CHUNK  LAST VECTOR")
    async with stream.connect(args.nats) as source:
        await source.start(new=args.new)
        while (table := await source.next(args.until_idle)) is not None:
            vectors = stream.vectors(table)  # float32 [rows, dim]
            last = table.slice(len(table) - 1).to_pylist()[0]
            print(f"{source.after:8}  {len(table):5}  {last['read_id']}  {last['channel']:7}  {last['chunk']:5} ",
                  np.array2string(vectors[-1][:4], precision=3, sign="+"), "…", vectors.shape[1], flush=True)


if __name__ == "__main__":
    parser = stream.arguments(__doc__)
    parser.add_argument("--new", action="store_true", help="only what comes from now on")
    stream.run(main, parser)
