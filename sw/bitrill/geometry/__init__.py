"""Geometry of feature maps: sliding windows, the line buffers they read, pooling."""
