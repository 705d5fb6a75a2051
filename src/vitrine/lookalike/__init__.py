"""Look-alikes: which products are like a photo or another product, steered by attributes, and why."""
