"""Where windows lie in a feature map, and which pixels a line buffer holds."""
