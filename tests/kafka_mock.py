"""The Kafka cluster in librdkafka for its own tests: it speaks the protocol over TCP and keeps all data in memory.

Python's client does not expose it, so its C functions are called directly, in the library that the client contains.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

PRODUCER = 0
BROKER = 1
JOIN_DELAY_MS = 100
"""A real broker waits three seconds for more members before a new group begins."""


def library() -> Path | None:
    """The client's own librdkafka; None if the client is not installed, or was built against another one."""
    try:
        import confluent_kafka
    except ImportError:
        return None
    package = Path(confluent_kafka.__file__).parent
    found = [*package.parent.glob("confluent_kafka.libs/librdkafka*"), *package.glob(".dylibs/librdkafka*")]
    return next(iter(sorted(found)), None)


class KafkaMock:
    """A cluster of one broker. It cannot be killed, but it can disconnect and come back with its data."""

    def __init__(self, path: Path) -> None:
        self._library = ctypes.CDLL(str(path))
        for name in ("conf_new", "new", "mock_cluster_new"):
            self._function(name).restype = ctypes.c_void_p
        self._function("mock_cluster_bootstraps").restype = ctypes.c_char_p
        error = ctypes.create_string_buffer(512)
        conf = ctypes.c_void_p(self._function("conf_new")())
        self._function("conf_set")(conf, b"log_level", b"0", error, ctypes.c_size_t(512))
        self._handle = ctypes.c_void_p(self._function("new")(PRODUCER, conf, error, ctypes.c_size_t(512)))
        assert self._handle.value, error.value
        self._cluster = ctypes.c_void_p(self._function("mock_cluster_new")(self._handle, 1))
        assert self._cluster.value
        self._function("mock_group_initial_rebalance_delay_ms")(self._cluster, ctypes.c_int32(JOIN_DELAY_MS))
        self.address = self._function("mock_cluster_bootstraps")(self._cluster).decode()

    def make_topic(self, name: str, partitions: int) -> None:
        """Creates a topic, since this cluster does not support the request for it."""
        error = self._function("mock_topic_create")(self._cluster, name.encode(), partitions, 1)
        assert error == 0, error

    def go(self) -> None:
        """Drops every connection and accepts no more."""
        assert self._function("mock_broker_set_down")(self._cluster, ctypes.c_int32(BROKER)) == 0

    def come_back(self) -> None:
        """Accepts connections again."""
        assert self._function("mock_broker_set_up")(self._cluster, ctypes.c_int32(BROKER)) == 0

    def close(self) -> None:
        """Ends the cluster and its handle."""
        self._function("mock_cluster_destroy")(self._cluster)
        self._function("destroy")(self._handle)

    def _function(self, name: str) -> ctypes._NamedFuncPointer:
        return getattr(self._library, f"rd_kafka_{name}")  # type: ignore[no-any-return]
