"""`python -m tests.restore`: the drill with a backup of one instant, and with four dumps one after another, under orders."""

from __future__ import annotations

import asyncio
import sys

from tests.restore.drill import Result, play

BEFORE, DURING, AFTER = 300, 200, 700


def main() -> int:
    """Prints a row per drill; 1 if one fails."""
    results = [asyncio.run(play(one_instant, BEFORE, DURING, AFTER)) for one_instant in (True, False)]
    print("| backup | orders lost | levels wrong at the start | seconds until none is | found | repaired | left |")
    print("|---|---|---|---|---|---|---|")
    for one in results:
        print(
            f"| {one.backup} | {one.lost} | {one.wrong} | {one.healed_s:.1f} | {one.found} | {one.repaired} | {one.left} |"
        )
    return 0 if all(map(holds, results)) else 1


def holds(result: Result) -> bool:
    """Whether everything was found, repaired, and is now consistent."""
    return result.sound and result.left == 0 and result.repaired == result.found and result.open == 0


if __name__ == "__main__":
    sys.exit(main())
