"""House rules of Python files: their size, names and words, and actions that only one file may do."""

from __future__ import annotations

import ast
import re
import sys

from tests.house import tree

FILE_LINES = 400
"""If longer, split by noun. Most files have under 200."""
FUNCTION_LINES = 60
"""If longer, split by step. Most functions have under 25."""
EMPTY_NAMES = {"utils.py", "util.py", "helpers.py", "helper.py", "common.py", "manager.py", "misc.py"}
SENTENCE_WORDS = 3
MAY_SLEEP = {
    "chassis/local/lock.py": "waits for another process's file lock, before there is an event loop",
    "chassis/local/watchdog.py": "a separate process that outlives the runner",
    "tests/servers.py": "polls servers that send no signal",
}
"""Files that may call time.sleep, and why."""
MAY_PAUSE = {
    "tests/chassis/gate/test_failover.py": "a buyer's pause before the next try; polls a replica for the state of its link",
    "tests/inventory_svc/test_reservations.py": "the clock of Postgres decides expiry and sends no signal",
}
"""Test files that may call asyncio.sleep, and why. All others use a job's run_once() or a signal."""
TEST_FILE = re.compile(r"(^|/)test_\w+\.py$")
ENVIRONMENT = ("environ", "environb", "getenv")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
ONLY_COMMITTER = "chassis/db.py"


def test_files_have_at_most_400_lines() -> None:
    long = [(path, tree.text(path).count("\n")) for path in tree.files(".py")]
    tree.holds("split by noun", [f"{path}:1: {lines} lines" for path, lines in long if lines > FILE_LINES])


def test_functions_have_at_most_60_lines() -> None:
    broken = []
    for path, node in tree.nodes(*FUNCTIONS):
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if lines > FUNCTION_LINES:
            broken.append(f"{path}:{node.lineno}: {node.name} has {lines} lines")
    tree.holds("split by step", broken)


def test_every_module_opens_with_what_it_owns() -> None:
    broken = [
        path for path in tree.files(".py") if tree.text(path).strip() and not ast.get_docstring(tree.module(path))
    ]
    tree.holds("a module opens with a docstring", [f"{path}:1" for path in broken])


def test_no_file_has_a_name_that_says_nothing() -> None:
    broken = [path for path in tree.files(".py") if path.rsplit("/", 1)[-1] in EMPTY_NAMES]
    tree.holds("name the file after its noun", [f"{path}:1" for path in broken])


def test_only_config_files_read_the_environment() -> None:
    read = [(path, node.lineno) for path, node in tree.nodes(ast.Attribute) if node.attr in ENVIRONMENT]
    read += [
        (path, node.lineno)
        for path, node in tree.nodes(ast.ImportFrom)
        if node.module == "os" and any(alias.name in ENVIRONMENT for alias in node.names)
    ]
    broken = [f"{path}:{line}" for path, line in read if not path.endswith("/config.py")]
    tree.holds("read the environment in a config.py", broken)


def test_domain_knows_only_the_standard_library_and_itself() -> None:
    broken = []
    for path, node in tree.nodes(ast.Import, ast.ImportFrom):
        service, _, rest = path.partition("/")
        if service not in tree.SERVICES or not rest.startswith("domain/"):
            continue
        named = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        for name in named:
            if name.split(".")[0] not in sys.stdlib_module_names and not f"{name}.".startswith(f"{service}.domain."):
                broken.append(f"{path}:{node.lineno}: {name}")
    tree.holds("domain has rules, and no packages", broken)


def test_nobody_blocks_with_time_sleep() -> None:
    tree.holds("say in MAY_SLEEP why", [at for at in _calls("time", "sleep") if at.split(":")[0] not in MAY_SLEEP])


def test_tests_wait_for_signals_not_for_clocks() -> None:
    pauses = [at for at in _calls("asyncio", "sleep") if TEST_FILE.search(at.split(":")[0])]
    tree.holds(
        "wait for a signal, or say in MAY_PAUSE why not", [at for at in pauses if at.split(":")[0] not in MAY_PAUSE]
    )


def test_the_lists_of_exceptions_name_files_that_need_them() -> None:
    sleeping = {at.split(":")[0] for at in _calls("time", "sleep")}
    pausing = {at.split(":")[0] for at in _calls("asyncio", "sleep")}
    tree.holds("take it off the list", (set(MAY_SLEEP) - sleeping) | (set(MAY_PAUSE) - pausing))


def test_names_of_tests_are_sentences() -> None:
    broken = []
    for path, node in tree.nodes(*FUNCTIONS):
        if TEST_FILE.search(path) and node.name.startswith("test_") and node.name.count("_") < SENTENCE_WORDS:
            broken.append(f"{path}:{node.lineno}: {node.name}")
    tree.holds("state in words what holds", broken)


def test_only_the_database_of_the_chassis_commits() -> None:
    """A use case named `commit` has arguments; a connection's commit() has none."""
    broken = []
    for path, call in tree.nodes(ast.Call):
        if path == ONLY_COMMITTER or not isinstance(call.func, ast.Attribute):
            continue
        said = [str(value.value).upper() for value in call.args if isinstance(value, ast.Constant)]
        by_method = call.func.attr == "commit" and not call.args and not call.keywords
        if by_method or (call.func.attr == "execute" and said and said[0].lstrip().startswith("COMMIT")):
            broken.append(f"{path}:{call.lineno}")
    tree.holds("db.transaction() commits", broken)


def _calls(owner: str, name: str) -> list[str]:
    """`path:line` of every call `owner.name(...)`; a call with a plain 0 only yields to the loop and does not count."""
    found = []
    for path, call in tree.nodes(ast.Call):
        if not isinstance(call.func, ast.Attribute) or not isinstance(call.func.value, ast.Name):
            continue
        yields = bool(call.args) and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0
        if (call.func.value.id, call.func.attr) == (owner, name) and not yields:
            found.append(f"{path}:{call.lineno}")
    return found
