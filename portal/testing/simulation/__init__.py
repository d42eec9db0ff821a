"""T9: two businesses live through thousands of random moves under a fake clock, and after each the promises I1 to I9 are looked
for in the real database, the real keyring and the real doors.

    world       what is real: schemas, keyring, clock, crashes, copies of everything
    model       what must hold, in plain Python: who was told what, until when, what became of it, what is kept
    acts        one step: call a flow, then say what must have changed
    messages    moves of authors, customers and devices      upkeep    the clock's rounds, and time itself
    archive     moves of officers                            trouble   crashes, backups, restores
    invariants  the comparison after every step, and the long look now and then
    driver      draws moves from a seed, replays and shortens what failed
    bugs        broken promises to be planted: a simulation that finds none of them proves nothing
"""
