"""REST routes of locations and their stock totals."""

from __future__ import annotations

from edge.answers import Answer, replayed
from edge.call import Call
from edge.openapi.headers import CHANGES
from edge.operation import options
from edge.routes.routers import under_v1
from edge.schemas import locations as schema
from gen.inventory.v1 import stock_service_pb2 as pb
from gen.inventory.v1.location_pb2 import Location

router = under_v1("locations")


@router.post(
    "/locations",
    response_model=schema.LocationAnswer,
    status_code=201,
    summary="Create a location",
    openapi_extra=CHANGES,
)
@options(rest_names={"location.": ""})
async def create_location(call: Call, body: schema.Location) -> Answer:
    location = Location(location=body.location, name=body.name, time_zone=body.time_zone, priority=body.priority)
    request = pb.CreateLocationRequest(request_id=call.mutation_id("req"), location=location)
    response = await call.rpc(call.clients.stock.CreateLocation, request)
    return Answer(to_rest(response.location), 201, replayed(response.replayed))


@router.get("/locations", response_model=schema.LocationListAnswer, summary="List locations")
async def list_locations(call: Call) -> Answer:
    response = await call.rpc(call.clients.stock.ListLocations, pb.ListLocationsRequest())
    found: schema.LocationListAnswer = {"locations": [to_rest(entry.location) for entry in response.locations]}
    return Answer(found)


@router.get(
    "/inventory/warehouses", response_model=schema.WarehouseListAnswer, summary="List locations with their stock totals"
)
async def list_warehouses(call: Call) -> Answer:
    response = await call.rpc(call.clients.stock.ListLocations, pb.ListLocationsRequest())
    found: schema.WarehouseListAnswer = {"warehouses": [_with_sums(entry) for entry in response.locations]}
    return Answer(found)


def to_rest(location: Location) -> schema.LocationAnswer:
    """A location as REST shows it."""
    return {
        "location": location.location,
        "name": location.name,
        "time_zone": location.time_zone,
        "priority": location.priority,
    }


def _with_sums(entry: pb.LocationStock) -> schema.WarehouseAnswer:
    return {
        **to_rest(entry.location),
        "skus": entry.skus,
        "on_hand": entry.on_hand,
        "reserved": entry.reserved,
        "committed": entry.committed,
        "unavailable": entry.unavailable,
        "available": entry.available,
    }
