"""The desk: people decide, each question once, and where it matters most."""
