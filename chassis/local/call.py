"""`make call RPC=inventory.v1.StockService/GetStock DATA='{"sku": "SERUM-30"}'`: calls a service of the running product.

Unlike general tools, it prints the details of an error as JSON, not as bytes. It reads message types by reflection.
"""

from __future__ import annotations

import sys
from typing import Any

import grpc
from google.protobuf import descriptor_pool, json_format, message_factory
from google.rpc import error_details_pb2, status_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

from chassis import services
from chassis.local import config
from chassis.local.run_file import CannotRead, running

USAGE = """usage: make call RPC=inventory.v1.StockService/GetStock DATA='{"sku": "SERUM-30"}'"""
CALL_S = 15.0
EXPLANATIONS = (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo)
"""Kinds of error details that the services send."""


class CannotCall(Exception):
    """The call is not possible; the text is one line that says why."""


def call(address: str, rpc: str, data: str) -> str:
    """Returns the response as JSON. CannotCall for an invalid request, grpc.RpcError for an error of the service."""
    service, _, method = rpc.rpartition("/")
    with grpc.insecure_channel(address) as channel:
        pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        try:
            known = pool.FindServiceByName(service).methods_by_name
        except KeyError:
            raise CannotCall(f"{address} has no service {service}") from None
        if method not in known:
            raise CannotCall(f"{service} has no method {method}; it has {', '.join(known)}")
        kinds = [
            message_factory.GetMessageClass(kind) for kind in (known[method].input_type, known[method].output_type)
        ]
        try:
            request = json_format.Parse(data or "{}", kinds[0](), descriptor_pool=pool)
        except json_format.ParseError as error:
            reason = " ".join(str(error).split())
            raise CannotCall(f"DATA is not a {known[method].input_type.full_name}: {reason}") from None
        send = channel.unary_unary(f"/{rpc}", kinds[0].SerializeToString, kinds[1].FromString)
        answer = send(request, timeout=CALL_S)
        return json_format.MessageToJson(answer, preserving_proto_field_name=True, descriptor_pool=pool)


def explained(error: grpc.RpcError) -> str:
    """The error's code and message, followed by each detail as JSON."""
    lines = [f"{error.code().name}: {error.details()}"]
    status: status_pb2.Status | None = rpc_status.from_call(error)
    for detail in status.details if status else ():
        for kind in EXPLANATIONS:
            message: Any = kind()
            if detail.Unpack(message):
                lines.append(json_format.MessageToJson(message, preserving_proto_field_name=True))
    return "\n".join(lines)


def main() -> None:
    """`python -m chassis.local.call inventory.v1.StockService/GetStock '{"sku": "SERUM-30"}'`"""
    rpc, data = [*sys.argv[1:3], "", ""][:2]
    service = rpc.partition(".")[0]
    if "/" not in rpc or service not in services.NAMES:
        raise SystemExit(USAGE)
    try:
        run = running(config.local_folder())
        print(call(run[service], rpc, data))
    except (CannotRead, CannotCall) as error:
        raise SystemExit(f"call: {error}") from None
    except grpc.RpcError as error:
        raise SystemExit(explained(error)) from None


if __name__ == "__main__":
    main()
