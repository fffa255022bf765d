"""Gives each RPC its request id, its caller and its deadline before the servicer sees it."""

from __future__ import annotations

from typing import Any, TypeAlias

import grpc

from chassis import context, ids

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


def enter(rpc: Context) -> bool:
    """Sets the context variables of this RPC. True when the caller set no deadline, so that the default must be enforced."""
    request_id = ""
    for key, value in rpc.invocation_metadata() or ():
        if key == context.REQUEST_ID_KEY and isinstance(value, str):
            request_id = value[: context.MOST_CHARACTERS]
        elif key == context.CALLER_KEY and isinstance(value, str):
            context.caller.set(value[: context.MOST_CHARACTERS])
    context.request_id.set(request_id or ids.log_id("req"))
    remaining = rpc.time_remaining()
    # grpc reports "no deadline" as None or as a very distant time.
    unbounded = remaining is None or remaining > 86_400
    context.set_deadline(context.DEFAULT_DEADLINE_S if unbounded or remaining is None else remaining)
    return unbounded
