"""The services of the product, declared once.

Ports, settings, migrations, the local run, the edge's clients, programs, import contracts and the tests' stack are made from
this list. A new service touches its own folder, its protos and one line here.
"""

from __future__ import annotations

from typing import NamedTuple


class Service(NamedTuple):
    """A gRPC service with a database of its own. Its package is `<name>_svc`, its settings begin with its name."""

    name: str
    database: str
    port: int
    """Of gRPC by default; the edge has the first one, see `chassis.config.PORTS`."""
    metrics_port: int

    @property
    def package(self) -> str:
        """The name of its Python package."""
        return f"{self.name}_svc"


SERVICES = (
    Service("inventory", "inventory", 50051, 9151),
    Service("promo", "promo", 50053, 9153),
    Service("webhook", "webhooks", 50054, 9154),
    Service("order", "orders", 50052, 9152),
)
"""In the order in which they start: a service comes after those that it calls."""
NAMES = tuple(service.name for service in SERVICES)
DATABASES = {service.name: service.database for service in SERVICES}
EDGE, EDGE_PORT, EDGE_METRICS_PORT = "edge", 8080, 9150
PROCESSES = (EDGE, *NAMES)
PACKAGES = {EDGE: EDGE, **{service.name: service.package for service in SERVICES}}
"""The Python package of each process."""
