"""Networks that read pictures of 28 × 28 pixels: tensors (rows, 1, 28, 28) in 0..1 in, scores (rows, 10) out."""
