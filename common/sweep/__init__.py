"""Many runs of one command, their tables and figures: `labs sweep`."""
