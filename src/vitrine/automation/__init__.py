"""What runs by itself: watching places where photos arrive, and plans of steps for the night."""
