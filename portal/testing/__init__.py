"""The cast and the tools of the test suite. Part of the roof: it may import everyone, and only tests import it."""
