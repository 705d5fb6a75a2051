"""Workers on many machines: what they are sent, what they do, and the engine that runs them."""
