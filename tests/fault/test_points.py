"""Every named point has a method of the product to wrap: a renamed method fails here first."""

from __future__ import annotations

import importlib
import inspect
import signal
from pathlib import Path

import pytest

from tests.fault import points
from tests.fault.points import POINTS, Point


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name)
def test_every_point_is_an_asynchronous_method_of_today(point: Point) -> None:
    module, _, path = point.target.partition(":")
    owner, _, method = path.partition(".")
    assert inspect.iscoroutinefunction(getattr(getattr(importlib.import_module(module), owner), method))


def test_a_point_that_no_service_has_cannot_be_armed(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        points.arm(tmp_path, "edge", "gate-before-journal", signal.SIGKILL)
