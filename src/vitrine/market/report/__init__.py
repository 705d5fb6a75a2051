"""The marketplace as one HTML page: who is at risk and why, how good the models are, what has moved."""
