"""The benchmarks of `./run bench`. Each module has a `main()` that returns its figures; see `docs/benchmarks.md`.

Every figure stands beside a limit taken in the same run on the same machine: absolute numbers depend on the machine and
its load, ratios much less. Part of the roof: it may import everyone, nobody imports it.
"""
