"""Data about FPGAs: resources of each part, families of cells, shapes of memories."""
