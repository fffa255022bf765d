"""Generates gen/ from protos/, or checks that the committed gen/ is up to date.

It does not use `buf generate`: the plugins for Python are in grpcio-tools, and the import path must be the file path.
"""

from __future__ import annotations

import filecmp
import re
import shutil
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
GEN = ROOT / "gen"
OURS = ("README.md", "pyproject.toml")
"""Files of gen/ that are written by hand."""
GENERATED = (".py", ".pyi", ".typed")
OUR_IMPORT = re.compile(r"^(from|import) (\w+\.v1)\b", re.MULTILINE)
STUB_IMPORT = re.compile(r"(?<![\w./\"])(\w+\.v1\.\w+_pb2)")


def generate(target: Path) -> None:
    """Writes the modules and their type stubs for every file of protos/ into `target`, an empty directory."""
    from grpc_tools import protoc

    sources = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    builtin = str(files("grpc_tools") / "_proto")
    arguments = [
        "protoc",
        f"--proto_path={PROTOS}",
        f"--proto_path={builtin}",
        f"--plugin=protoc-gen-mypy={Path(sys.executable).parent / 'protoc-gen-mypy'}",
        f"--plugin=protoc-gen-mypy_grpc={Path(sys.executable).parent / 'protoc-gen-mypy_grpc'}",
        f"--python_out={target}",
        f"--grpc_python_out={target}",
        f"--mypy_out=quiet:{target}",
        f"--mypy_grpc_out=quiet:{target}",
        *sources,
    ]
    if protoc.main(arguments) != 0:
        raise SystemExit("codegen: protoc failed, see above")
    for path in sorted(target.rglob("*_pb2_grpc.py")):
        if "Servicer" not in path.read_text():  # a file without a service
            path.unlink()
            path.with_suffix(".pyi").unlink(missing_ok=True)
    for path in target.rglob("*_pb2*.py*"):
        text = OUR_IMPORT.sub(r"\1 gen.\2", path.read_text())
        if path.suffix == ".pyi":
            text = STUB_IMPORT.sub(r"gen.\1", text)
        path.write_text(text)
    for folder in [target, *(path for path in target.rglob("*") if path.is_dir())]:
        (folder / "__init__.py").write_text("")
    (target / "py.typed").write_text("")


def differences(left: Path, right: Path) -> list[str]:
    """The names of all files that differ between two trees or are in only one of them."""
    names = {
        str(path.relative_to(root))
        for root in (left, right)
        for path in root.rglob("*")
        if path.is_file() and path.suffix in GENERATED and "build" not in path.relative_to(root).parts
    }
    return sorted(
        name
        for name in names
        if not ((left / name).is_file() and (right / name).is_file() and filecmp.cmp(left / name, right / name, False))
    )


def main() -> None:
    """`python -m chassis.codegen` writes gen/; with `--check` it only lists files that would change, and then exits with 1."""
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch) / "gen"
        fresh.mkdir()
        generate(fresh)
        if "--check" in sys.argv[1:]:
            drift = differences(fresh, GEN)
            for name in drift:
                print(f"gen/{name} does not match protos/: run `make gen`")
            raise SystemExit(1 if drift else 0)
        kept = {name: (GEN / name).read_text() for name in OURS if (GEN / name).exists()}
        shutil.rmtree(GEN, ignore_errors=True)
        shutil.copytree(fresh, GEN)
        for name, text in kept.items():
            (GEN / name).write_text(text)


if __name__ == "__main__":
    main()
