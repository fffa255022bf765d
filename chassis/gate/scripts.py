"""The Lua scripts. Only the rebuilder loads `reserve`, whose text holds the epoch; any caller may load the others."""

from __future__ import annotations

import hashlib
from functools import cache, lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent / "lua"


@cache
def text(name: str) -> str:
    """The script as it is stored."""
    return (FOLDER / f"{name}.lua").read_text()


@lru_cache(maxsize=16)
def reserve(epoch: int) -> str:
    """`reserve.lua` for one epoch: the epoch is part of the text, hence of the SHA that callers use."""
    return text("reserve").replace("@EPOCH@", str(epoch))


@lru_cache(maxsize=64)
def sha(script: str) -> str:
    """The digest that EVALSHA takes."""
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
