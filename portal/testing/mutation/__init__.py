"""T19: faults planted into the code that the promises rest on, one at a time, and whether the tests notice.

    python -m portal.testing.mutation ledger                    every mutant of a group
    python -m portal.testing.mutation ledger --sample 40        some of them, at random
    python -m portal.testing.mutation ledger --only tiles.py:61 those of a line, to see what a new test kills

A group is some modules and the tests that should notice. The tests run once as they are, which says which test reaches which
line; then each mutant has a child of its own, in which the function's code is exchanged and the tests that reach it run, the
quickest first. Those that use the database do so in a copy of their own (`copies`): what a fault spoils ends with its child.
"""
