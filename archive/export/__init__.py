"""The export bundle: its formats, its writer and its verifier. Pure: no Django, no database, no keys of ours.

Everything but `zipstream`, `spool` and `ship` needs the standard library alone, because `ship` joins these modules into the
`verify.py` that lies in each bundle. What writes an EML, a CSV or a line is also what the verifier compares with: so all
of it is our own, a few lines each, and gives the same bytes under every Python (the standard library's folding and
quoting changed between versions).
"""
