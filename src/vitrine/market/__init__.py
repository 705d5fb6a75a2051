"""The marketplace: sellers, orders and leads over time; features that cannot see the future, models, scores."""
