"""`python -m chassis.local.scrape FOLDER`: writes target files for Prometheus, one per kind of process, with all its workers.

Reads the settings of the services (WORKERS, ORDER_WORKERS, ORDER_METRICS_ADDRESS ...): run it with the same environment.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from chassis import config
from chassis.local.config import VARIABLES

PORTS_APART = 10
"""Distance between the metrics ports of two workers of one service, as in `config.metrics_address`."""


def targets(process: str) -> list[str]:
    """The host:port of each worker's metrics; none when metrics are off."""
    host, _, port = config.metrics_address(process).rpartition(":")
    if not port:
        return []
    return [f"{host}:{int(port) + PORTS_APART * number}" for number in range(config.workers(process))]


def write(folder: Path) -> list[Path]:
    """Writes the files, replacing old ones; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for process in sorted(VARIABLES):
        path = folder / f"{process}.json"
        path.write_text(json.dumps([{"targets": targets(process)}], indent=2) + "\n")
        written.append(path)
    return written


def main() -> None:
    """Prints one line per file."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m chassis.local.scrape FOLDER")
    try:
        for path in write(Path(sys.argv[1])):
            print(path)
    except config.ConfigError as error:
        raise SystemExit(f"scrape: {error}") from None


if __name__ == "__main__":
    main()
