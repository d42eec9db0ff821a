"""See the package. Prints its seed and figures, the survivors by name; `--json` for the test that looks at them."""

import argparse
import json
import os
import random
import sys

from portal.testing.mutation import groups, run


def main() -> None:
    asked = _parser().parse_args()
    os.chdir(groups.HOUSE)
    os.environ["EBB_SEED"] = str(asked.seed)  # the tests that draw numbers of their own draw the same in each child
    chance = random.Random(asked.seed)  # noqa: S311 - which faults are tried, not a secret
    score = run.of(groups.GROUPS[asked.group], chance=chance, sample=asked.sample, only=asked.only)
    print(f"\n{asked.group}, seed {asked.seed}: {score.killed} of {score.tried} faults were noticed ({score.share:.1%}), "
          f"of {score.made} that can be made, {score.alike} of them known to change nothing; {score.seconds:.0f} s")  # fmt: skip
    for one in score.survived:
        print(f"  survived  {one}")
    if asked.json:
        told = {
            "made": score.made,
            "alike": score.alike,
            "tried": score.tried,
            "killed": score.killed,
            "survived": score.survived,
        }
        with open(asked.json, "w", encoding="utf-8") as file:  # noqa: PTH123 - a path of the caller
            json.dump(told, file)
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m portal.testing.mutation")
    parser.add_argument("group", choices=list(groups.GROUPS))
    parser.add_argument("--sample", type=int, help="how many faults, at random; all without it")
    parser.add_argument("--only", default="", help="faults whose line says this: tiles.py:61")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--json", default="")
    return parser


if __name__ == "__main__":
    main()
