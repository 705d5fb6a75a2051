"""A simulated marketplace with planted truth, in the official files' shape."""
