"""Runs every example against a real porevec. examples/test.sh starts it, in the right environment."""

import csv
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import duckdb
import lancedb
import numpy as np
import psycopg
from pgvector.psycopg import register_vector
from qdrant_client import QdrantClient

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
POREVEC = ROOT / "bin" / "porevec"


def run(*command, **options):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=300, **options)
    if done.returncode:
        raise AssertionError(f"{command} exited with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def example(name, *args):
    return run(sys.executable, HERE / f"{name}.py", *args)


class Server:
    """A stream that stays up: porevec watch, of a folder in which nothing appears."""

    def __init__(self, directory):
        (directory / "empty").mkdir(parents=True)
        self.directory = directory
        self.start("127.0.0.1:0")

    def start(self, listen):
        directory, log = self.directory, self.directory / "log"
        with log.open("w") as file:
            self.process = subprocess.Popen(
                [POREVEC, "watch", directory / "empty", "--store", directory / "store", "--log-format", "json",
                 "--listen", listen, "--websocket", "127.0.0.1:0"], stdout=subprocess.DEVNULL, stderr=file)
        deadline = time.monotonic() + 30
        urls = []
        while len(urls) < 2:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError("no server: " + log.read_text())
            time.sleep(0.1)
            lines = [line for line in log.read_text().splitlines() if line.endswith("}")]
            urls = [said["url"] for said in map(json.loads, lines) if "url" in said]
        self.nats, self.websocket = urls

    def embed(self, path, *flags):
        """Publish a file's vectors; returns how many."""
        return json.loads(run(POREVEC, "embed", path, "--nats", self.nats, "--json", "--quiet", *flags))["acknowledged"]

    def stored(self):
        """All that the stream holds, as porevec itself decodes it."""
        return run(POREVEC, "subscribe", "--nats", self.nats, "--from", "start", "--until-idle", "2s", "--json", "--quiet")

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


def by_key(ndjson):
    rows = map(json.loads, ndjson.splitlines())
    return {(row["run"], row["read_id"], row["chunk"]): np.float32(row["embedding"]) for row in rows}


def setUpModule():
    global directory, first, second, published, ndjson, first_vectors, second_vectors
    holder = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(holder.cleanup)
    directory = pathlib.Path(holder.name)
    run("go", "run", "./fixtures/makerun", "-o", directory / "run", "--files", 3, "--reads", 200, "--seed", 7, cwd=ROOT)
    files = sorted((directory / "run").glob("*.pod5"))
    shutil.copy(files[0], directory / "again.pod5")  # another source with the same reads: their vectors come twice

    first = Server(directory / "first")
    unittest.addModuleCleanup(first.stop)
    # At a pace, so that there are many messages and not a few full ones.
    published = sum(first.embed(path, "--speed", "5x") for path in [*files[:2], directory / "again.pod5"])
    ndjson = first.stored()
    first_vectors = by_key(ndjson)

    second = Server(directory / "second")
    unittest.addModuleCleanup(second.stop)
    second.embed(files[2])
    second_vectors = by_key(second.stored())


class Stream(unittest.TestCase):
    def test_there_is_something_to_see(self):
        messages = example("subscribe", "--nats", first.nats, "--until-idle", 1).splitlines()[1:]
        self.assertGreater(len(messages), 20)
        self.assertEqual(sum(int(line.split()[1]) for line in messages), published)
        self.assertGreater(published, len(first_vectors))  # some are in the stream twice
        self.assertFalse(set(first_vectors) & set(second_vectors))

    def test_subscribe_new(self):
        server = Server(directory / "third")
        self.addCleanup(server.stop)
        file = next((directory / "run").glob("*.pod5"))
        with subprocess.Popen([sys.executable, HERE / "subscribe.py", "--nats", server.nats, "--new", "--until-idle", "5"],
                              stdout=subprocess.PIPE, text=True) as tail:
            time.sleep(3)
            came = server.embed(file)
            rows = [int(line.split()[1]) for line in tail.stdout.read().splitlines()[1:]]
        self.assertGreater(came, 100)
        self.assertEqual(sum(rows), came)

    def test_porevec_ends_and_starts_again_under_a_loader(self):
        server = Server(directory / "fourth")
        self.addCleanup(server.stop)
        files = sorted((directory / "run").glob("*.pod5"))
        before = server.embed(files[0])
        database = directory / "restarted.duckdb"
        with subprocess.Popen([sys.executable, HERE / "to_duckdb.py", "--nats", server.nats, "--until-idle", "40", database],
                              stdout=subprocess.PIPE, text=True) as loader:
            self.assertTrue(loader.stdout.readline().startswith(f"{before} vectors"))
            server.process.kill()
            server.process.wait()
            server.start(server.nats.removeprefix("nats://"))
            after = server.embed(files[1])
            self.assertTrue(loader.stdout.readline().startswith(f"{after} vectors"))  # not the first ones again
            loader.kill()
        with duckdb.connect(str(database)) as db:
            self.assertEqual(db.execute("SELECT count(*) FROM vectors").fetchone(), (before + after,))

    def test_neighbours(self):
        example("neighbours", "--nats", first.nats, "--output", directory / "neighbours.csv")
        with open(directory / "run" / "truth.tsv") as file:
            truth = {row["read_id"]: row for row in csv.DictReader(file, delimiter="\t")}

        def shared(a, b):  # bases of the genome, on one strand
            begin, end = (f(int(truth[r]["start"]) + k * int(truth[r]["bases"]) for r in (a, b)) for f, k in ((max, 0), (min, 1)))
            return end - begin if truth[a]["strand"] == truth[b]["strand"] else 0

        with open(directory / "neighbours.csv") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual({row["read"] for row in rows}, {read for _, read, _ in first_vectors})
        right = sum(shared(row["read"], row["nearest"]) > 300 for row in rows)
        self.assertGreater(right / len(rows), 0.8)

    def test_go(self):
        lines = run("go", "run", "./examples/go", "-nats", first.nats, "-end", cwd=ROOT).splitlines()
        self.assertEqual(len(lines), published)
        # All but the first chunk of a read are compared.
        cosines = [float(line.split()[3]) for line in lines if line.split()[3] != "-"]
        self.assertEqual(len(lines) - len(cosines), sum(line.split()[2] == "0" for line in lines))
        self.assertLess(max(map(abs, cosines)), 1.001)

    def test_browser(self):
        if "BROWSER" not in os.environ:
            self.skipTest("SKIPPED: no npm here")
        (directory / "stored.ndjson").write_text(ndjson)
        run("node", "test.mjs", first.websocket, directory / "stored.ndjson", cwd=os.environ["BROWSER"])
        self.assertGreater((pathlib.Path(os.environ["BROWSER"]) / "dist" / "app.js").stat().st_size, 100_000)


class Loader:
    """What holds for every database: name, database() and stored() say which."""

    def load(self, server, *flags):
        return example(self.name, "--nats", server.nats, "--until-idle", "1.5", *flags, self.database())

    def check(self, want):
        rows = self.stored()
        got = {(run, str(read), chunk): vector for run, read, chunk, vector in rows}
        self.assertEqual(len(rows), len(got), "vectors are there twice")
        self.assertEqual(set(got), set(want))
        for key, vector in want.items():
            # Qdrant scales vectors to length 1 again, which float16 missed by a little.
            np.testing.assert_allclose(got[key], vector, atol=1e-3)

    def test_killed_again_and_again(self):
        seed = time.time_ns()
        print(f"seed {seed}", end=" ", file=sys.stderr, flush=True)
        rng = random.Random(seed)
        places, kills = [], 0
        for _ in range(8):
            # Each message is a transaction of its own here, so a loader is nearly always in one when it is killed.
            with subprocess.Popen([sys.executable, HERE / f"{self.name}.py", "--nats", first.nats, "--until-idle", "3", "--rows", "1",
                                   self.database()], stdout=subprocess.PIPE, text=True) as loader:
                for _ in range(rng.randint(1, 5)):
                    line = loader.stdout.readline()
                    if "up to message" in line:
                        places.append(int(line.split()[-1]))
                time.sleep(rng.uniform(0, 0.05))
                loader.send_signal(signal.SIGKILL)
            kills += loader.returncode == -signal.SIGKILL
        self.assertGreater(kills, 3)
        self.assertEqual(places, sorted(set(places)), "what had been stored was loaded again")
        self.load(first)
        self.check(first_vectors)
        self.assertNotIn("up to message", self.load(first))  # there is nothing left to do
        self.check(first_vectors)
        self.load(second)  # another stream, in which sequence numbers begin anew
        self.check(first_vectors | second_vectors)


class DuckDB(Loader, unittest.TestCase):
    name = "to_duckdb"

    def database(self):
        return str(directory / "vectors.duckdb")

    def stored(self):
        with duckdb.connect(self.database()) as db:
            return db.execute("SELECT run, read_id, chunk, embedding FROM vectors").fetchall()


class LanceDB(Loader, unittest.TestCase):
    name = "to_lancedb"

    def database(self):
        return str(directory / "lance")

    def stored(self):
        table = lancedb.connect(self.database()).open_table("vectors").to_arrow()
        return list(zip(*(table[name].to_pylist() for name in ("run", "read_id", "chunk", "embedding"))))


class Qdrant(Loader, unittest.TestCase):
    name = "to_qdrant"

    def database(self):
        return str(directory / "qdrant")

    def stored(self):
        client = QdrantClient(path=self.database())
        points, _ = client.scroll("porevec", limit=1_000_000, with_vectors=True)
        client.close()
        return [(p.payload["run"], p.payload["read_id"], p.payload["chunk"], p.vector) for p in points]


class Pgvector(Loader, unittest.TestCase):
    name = "to_pgvector"

    @classmethod
    def setUpClass(cls):
        # A database of one's own (it must be empty), or a server from a package that brings PostgreSQL and pgvector.
        cls.url = os.environ.get("POREVEC_TEST_POSTGRES")
        if not cls.url:
            try:
                import pgserver
                server = pgserver.get_server(directory / "postgres", cleanup_mode="delete")
            except Exception as error:
                raise unittest.SkipTest(f"SKIPPED: no PostgreSQL with pgvector here ({error}); POREVEC_TEST_POSTGRES may name one")
            cls.addClassCleanup(server.cleanup)
            cls.url = server.get_uri()

    def database(self):
        return self.url

    def stored(self):
        with psycopg.connect(self.url) as db:
            register_vector(db)
            rows = db.execute("SELECT run, read_id, chunk, embedding FROM vectors").fetchall()
            return [(*key, np.asarray(getattr(vector, "to_numpy", lambda: vector)())) for *key, vector in rows]


if __name__ == "__main__":
    unittest.main(verbosity=2)
