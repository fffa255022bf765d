"""Values kept from one start to the next: ports, passwords and the token, in a file that only its owner can read."""

from __future__ import annotations

import base64
import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_private(path: Path, document: Mapping[str, Any]) -> None:
    """Replaces the file atomically, with mode 0600: a reader sees the old document or the new one, never a part."""
    descriptor, scratch = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w") as stream:
            json.dump(document, stream, indent=2)
            stream.write("\n")
        Path(scratch).replace(path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


class Kept:
    """The values of one `.local` folder, written as soon as they are set."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}

    def secret(self, name: str) -> str:
        """The secret of that name, generated at its first use."""
        if name not in self._values:
            self.put(name, secrets.token_urlsafe(24))
        return str(self._values[name])

    def webhook_secret(self) -> str:
        """The secret of the sandbox's webhooks, in the form of Standard Webhooks: `whsec_` and base64."""
        if "webhook_secret" not in self._values:
            self.put("webhook_secret", "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode())
        return str(self._values["webhook_secret"])

    def number(self, name: str) -> int | None:
        """The number of that name, or None."""
        return self._values.get(name)

    def put(self, name: str, value: str | int) -> None:
        """Stores a value."""
        if self._values.get(name) != value:
            self._values[name] = value
            write_private(self._path, self._values)
