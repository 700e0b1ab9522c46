"""A small MinKNOW of gRPC's C core and the official stubs.

server.py CERTIFICATE KEY   prints the manager's port as JSON and serves one run.

Sample i of read r is (i * 31 + r * 977) % 2000 - 1000. There are 4 channels, reads of
30 000 samples back to back, in pieces of 2 000, of which number 5 of read 2 is never sent.
"""

import json
import sys
import threading
import time
from concurrent import futures

import grpc
import numpy
from minknow_api import (
    acquisition_pb2, acquisition_pb2_grpc, analysis_configuration_pb2, analysis_configuration_pb2_grpc, data_pb2, data_pb2_grpc, device_pb2,
    device_pb2_grpc, instance_pb2, instance_pb2_grpc, manager_pb2, manager_pb2_grpc,
)

CHANNELS, READS, LENGTH, PIECE = 4, 6, 30_000, 2_000
over = threading.Event()


def run(state):
    return acquisition_pb2.AcquisitionRunInfo(
        run_id="4f6ee2d9-6a3b-4d4f-9d71-6f1cb0a0a0a0", state=state,
        config_summary=acquisition_pb2.AcquisitionConfigSummary(purpose=acquisition_pb2.SEQUENCING, sample_rate=5000, channel_count=CHANNELS),
    )


class Instance(instance_pb2_grpc.InstanceServiceServicer):
    def get_version_info(self, request, context):
        return instance_pb2.GetVersionInfoResponse(minknow=instance_pb2.GetVersionInfoResponse.MinknowVersion(major=6, full="6.0.0"))


class Device(device_pb2_grpc.DeviceServiceServicer):
    def get_flow_cell_info(self, request, context):
        return device_pb2.GetFlowCellInfoResponse(has_flow_cell=True, channel_count=CHANNELS, user_specified_product_code="FLO-MIN114")

    def get_sample_rate(self, request, context):
        return device_pb2.GetSampleRateResponse(sample_rate=5000)

    def get_calibration(self, request, context):
        n = request.last_channel - request.first_channel + 1
        return device_pb2.GetCalibrationResponse(digitisation=2048, offsets=[-243.0] * n, pa_ranges=[299.4] * n, has_calibration=True)


class Acquisition(acquisition_pb2_grpc.AcquisitionServiceServicer):
    def watch_current_acquisition_run(self, request, context):
        yield run(acquisition_pb2.ACQUISITION_RUNNING)
        while not over.wait(0.1):
            if not context.is_active():
                return
        yield run(acquisition_pb2.ACQUISITION_COMPLETED)
        while context.is_active():
            time.sleep(0.1)


class Data(data_pb2_grpc.DataServiceServicer):
    def get_live_reads(self, requests, context):
        setup = next(requests).setup
        assert (setup.first_channel, setup.last_channel) == (1, CHANNELS)
        for r in range(READS):
            for at in range(0, LENGTH, PIECE):
                message = data_pb2.GetLiveReadsResponse(samples_since_start=r * LENGTH + at + PIECE)
                for c in range(1, CHANNELS + 1):
                    if (r, at // PIECE) == (2, 5):
                        continue
                    i = numpy.arange(at, at + PIECE)
                    read = message.channels[c]
                    read.id = f"00000000-0000-4000-8000-{r:06x}{c:06x}"
                    read.start_sample, read.chunk_start_sample, read.chunk_length = r * LENGTH, r * LENGTH + at, PIECE
                    read.raw_data = ((i * 31 + r * 977) % 2000 - 1000).astype("<i2").tobytes()
                    read.chunk_classifications.append(83)
                yield message
                time.sleep(0.01)
        over.set()
        context.abort(grpc.StatusCode.ABORTED, "acquisition ended")


class Analysis(analysis_configuration_pb2_grpc.AnalysisConfigurationServiceServicer):
    pass


class Manager(manager_pb2_grpc.ManagerServiceServicer):
    def flow_cell_positions(self, request, context):
        p = manager_pb2.FlowCellPosition(name="X1", state=manager_pb2.FlowCellPosition.STATE_RUNNING)
        p.rpc_ports.secure = position_port
        yield manager_pb2.FlowCellPositionsResponse(total_count=1, positions=[p])


def serve(register):
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
    register(server)
    key, certificate = open(sys.argv[2], "rb").read(), open(sys.argv[1], "rb").read()
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, certificate)]))
    server.start()
    return server, port


def position(server):
    instance_pb2_grpc.add_InstanceServiceServicer_to_server(Instance(), server)
    device_pb2_grpc.add_DeviceServiceServicer_to_server(Device(), server)
    acquisition_pb2_grpc.add_AcquisitionServiceServicer_to_server(Acquisition(), server)
    data_pb2_grpc.add_DataServiceServicer_to_server(Data(), server)
    analysis_configuration_pb2_grpc.add_AnalysisConfigurationServiceServicer_to_server(Analysis(), server)


position_server, position_port = serve(position)
manager_server, manager_port = serve(lambda server: manager_pb2_grpc.add_ManagerServiceServicer_to_server(Manager(), server))
print(json.dumps({"port": manager_port}), flush=True)
sys.stdin.read()  # until whoever started us is gone
