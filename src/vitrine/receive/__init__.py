"""Goods receipt: a photo of what arrived, held against the purchase order line that it should be."""
