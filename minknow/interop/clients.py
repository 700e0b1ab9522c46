"""Streams from a MinKNOW with the official clients and keeps what came of each read.

clients.py CLIENT MANAGER_PORT OUT_DIR   (CLIENT: minknow_api, read_until or readfish)

Writes OUT_DIR/<read id>.raw, the samples in the order in which they came, and prints
one JSON object. Where the authority lies is in MINKNOW_TRUSTED_CA.
"""

import json
import pathlib
import sys
import time

import grpc
import numpy
from minknow_api import acquisition_pb2, data_pb2
from minknow_api.manager import Manager
client, port, out = sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3])
out.mkdir(parents=True, exist_ok=True)
said = {}

manager = Manager(host="localhost", port=port)
said["core"] = manager.core_version
positions = list(manager.flow_cell_positions())
said["positions"] = [p.name for p in positions]
position = positions[0]
connection = position.connect()

info = connection.device.get_device_info()
cell = connection.device.get_flow_cell_info()
said["channels"] = cell.channel_count
said["digitisation"] = info.digitisation
said["sample_rate"] = connection.device.get_sample_rate().sample_rate
said["version"] = connection.instance.get_version_info().minknow.full
said["classes"] = dict(connection.analysis_configuration.get_read_classifications().read_classifications)
said["break_reads_s"] = connection.analysis_configuration.get_analysis_configuration().read_detection.break_reads_after_seconds.value
said["kit"] = connection.protocol.get_current_protocol_run().user_info.kit_info.sequencing_kit
for run in connection.acquisition.watch_current_acquisition_run():
    if run.state == acquisition_pb2.ACQUISITION_RUNNING and run.config_summary.purpose == acquisition_pb2.SEQUENCING:
        said["run"] = run.run_id
        break
connection.log.send_user_message(severity=1, user_message="hello from " + client)

kept = {}


def keep(read_id, raw):
    """Adds what is new of a read."""
    kept.setdefault(read_id, bytearray()).extend(raw)


def with_minknow_api():
    setup = data_pb2.GetLiveReadsRequest(
        setup=data_pb2.GetLiveReadsRequest.StreamSetup(
            first_channel=1, last_channel=cell.channel_count, raw_data_type=data_pb2.GetLiveReadsRequest.UNCALIBRATED, sample_minimum_chunk_size=0
        )
    )
    ended = False

    def requests():
        yield setup
        while not ended:
            time.sleep(0.1)

    try:
        for message in connection.data.get_live_reads(requests()):
            for read in message.channels.values():
                assert read.chunk_start_sample - read.start_sample == len(kept.get(read.id, b"")) // 2, "a gap"
                assert len(read.raw_data) == 2 * read.chunk_length
                keep(read.id, read.raw_data)
    except grpc.RpcError as error:
        said["end"] = error.code().name
    ended = True


def with_read_until(package):
    if package == "readfish":
        from readfish.read_until import AccumulatingCache, ReadUntilClient
    else:
        from read_until import AccumulatingCache, ReadUntilClient
    one = ReadUntilClient(
        mk_host="localhost", mk_port=position.description.rpc_ports.secure, cache_type=AccumulatingCache, one_chunk=False, filter_strands=False,
        prefilter_classes={"strand", "adapter"},
    )
    assert one.signal_dtype == numpy.int16, one.signal_dtype
    one.run()
    while one._process_thread.is_alive():  # is_running stays true when the run has ended
        for _, read in one.get_read_chunks(batch_size=cell.channel_count, last=False):
            kept[read.id] = read.raw_data  # all of it so far
        time.sleep(0.02)
    for _, read in one.get_read_chunks(batch_size=cell.channel_count, last=False):
        kept[read.id] = read.raw_data
    one.reset()


if client == "minknow_api":
    with_minknow_api()
else:
    with_read_until(client)
for read_id, raw in kept.items():
    (out / (read_id + ".raw")).write_bytes(raw)
said["reads"] = len(kept)
print(json.dumps(said))
