"""A device's socket: who it is, what it may say, and the line it is written to."""
