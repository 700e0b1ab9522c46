"""Put vectors into Qdrant, each once: a server, or a folder (without a server, for some ten thousand vectors).

Interrupted? Run the same command again.
"""

import uuid

from qdrant_client import QdrantClient, models

import stream

NAMESPACE = uuid.UUID("6f1e1f5c-6a3b-4c1b-9f43-0d8f3c1c7a55")  # any fixed one: the same vector has the same id for ever


def identifier(*key):
    return str(uuid.uuid5(NAMESPACE, "/".join(map(str, key))))


async def main(args):
    client = QdrantClient(url=args.database) if "://" in args.database else QdrantClient(path=args.database)
    if not client.collection_exists("porevec_position"):
        client.create_collection("porevec_position", vectors_config={})
    async with stream.connect(args.nats) as source:
        # There are no transactions: vectors first, then the position. What is sent again replaces itself.
        place = identifier(source.created)
        stored = client.retrieve("porevec_position", [place])
        after = stored[0].payload["sequence"] if stored else 0
        async for table in source.tables(after, args.until_idle, rows=args.rows):
            if not client.collection_exists("porevec"):
                size = models.VectorParams(size=table["embedding"].type.list_size, distance=models.Distance.COSINE)
                client.create_collection("porevec", vectors_config=size)
            ids = [identifier(*key) for key in zip(*(table[name].to_pylist() for name in stream.KEY))]
            payloads = table.drop_columns(["stream", "embedding"]).to_pylist()
            client.upsert("porevec", models.Batch(ids=ids, vectors=stream.vectors(table).tolist(), payloads=payloads), wait=True)
            client.upsert("porevec_position", [models.PointStruct(id=place, vector={}, payload={"sequence": source.after})], wait=True)
            print(f"{len(table)} vectors, up to message {source.after}", flush=True)
    if client.collection_exists("porevec"):
        print(client.count("porevec").count, "vectors in", args.database)
    client.close()


if __name__ == "__main__":
    stream.run(main, stream.loader_arguments(__doc__, "a server's URL, such as http://localhost:6333, or a folder"))
