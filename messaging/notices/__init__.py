"""What leaves the house: "you have a message", a link, and nothing else."""
