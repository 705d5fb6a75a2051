"""What is wrong with the photos and labels of a workspace: one check a file, listed in `builtin.py`."""
