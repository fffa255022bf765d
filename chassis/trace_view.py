"""Shows one trace in a terminal: `python -m chassis.trace_view [.local/traces.jsonl [request id or trace id]]`.

Reads the file that TRACES=<file> wrote, and the older file beside it. Without an id it shows a caller's last request.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import orjson

from chassis import trace_file

Span: TypeAlias = dict[str, Any]

FILE = ".local/traces.jsonl"
SERVED = {"http.response.status_code", "rpc.system"}
"""Attributes of spans that serve a request, over REST, GraphQL or gRPC. Background work has neither."""
BAR = 24
"""Width in characters of the bar for the whole trace."""


def main() -> None:
    """Prints the tree, or one line that says why it cannot."""
    path, wanted = [*sys.argv[1:3], "", ""][:2]
    file = Path(path or FILE)
    try:
        spans = read(file)
    except OSError as error:
        sys.exit(f"{file}: {error.strerror}; start with TRACES={file} make run")
    trace = find(spans, wanted)
    if not trace:
        sys.exit(f"no trace {wanted}" if wanted else "no trace yet")
    sys.stdout.write("\n".join(tree(trace)) + "\n")


def read(file: Path) -> list[Span]:
    """All spans, those of the older file first. A line that is still being written is left out. OSError."""
    before = trace_file.older(file)
    text = (before.read_bytes() if before.exists() else b"") + file.read_bytes()
    return [orjson.loads(line) for line in text.splitlines(keepends=True) if line.endswith(b"\n")]


def find(spans: Sequence[Span], wanted: str = "") -> list[Span]:
    """The spans of one trace: by trace id, by request id, or of the last request that a caller sent."""
    if wanted:
        ids = {span["trace"] for span in spans if wanted in (span["trace"], span["attributes"].get("request_id"))}
    else:
        known = {span["span"] for span in spans}
        roots = [span for span in spans if span["parent"] not in known and SERVED & span["attributes"].keys()]
        ids = {max(roots, key=lambda span: int(span["start_ns"]))["trace"]} if roots else set()
    return [span for span in spans if span["trace"] in ids]


def tree(spans: Sequence[Span]) -> Iterator[str]:
    """One line per span: its start and duration (ms), its process, and its name, indented below its parent."""
    known = {span["span"] for span in spans}
    children: dict[str, list[Span]] = {}
    for span in sorted(spans, key=lambda span: int(span["start_ns"])):
        children.setdefault(span["parent"] if span["parent"] in known else "", []).append(span)
    began = min(int(span["start_ns"]) for span in spans)
    whole_ms = max((int(span["start_ns"]) - began) / 1e6 + span["ms"] for span in spans)
    yield f"trace {spans[0]['trace']}: {len(spans)} spans, {whole_ms:.1f} ms"
    yield f"{'begins':>8} {'takes':>8}  {'':{BAR}}  process"

    def below(parent: str, depth: int) -> Iterator[str]:
        for span in children.get(parent, ()):
            offset_ms = (int(span["start_ns"]) - began) / 1e6
            yield _line(span, offset_ms, whole_ms, depth)
            yield from below(span["span"], depth + 1)

    yield from below("", 0)


def _line(span: Span, offset_ms: float, whole_ms: float, depth: int) -> str:
    first = min(BAR - 1, int(offset_ms / whole_ms * BAR)) if whole_ms else 0
    length = max(1, round(span["ms"] / whole_ms * BAR)) if whole_ms else 1
    bar = (" " * first + "━" * length)[:BAR]
    facts = " ".join(f"{key}={value}" for key, value in span["attributes"].items() if key != "rpc.system")
    failed = "" if span["ok"] else " FAILED"
    return (
        f"{offset_ms:8.1f} {span['ms']:8.1f}  {bar:{BAR}}  {span['process']:9} {'  ' * depth}{span['name']}"
        f"{failed}{f'  ({facts})' if facts else ''}"
    )


if __name__ == "__main__":
    main()
