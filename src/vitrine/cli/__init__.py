"""The command line: each command parses, calls one function and shows its report as text or JSON."""
