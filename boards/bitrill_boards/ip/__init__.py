"""A compiled network as a core for other people's systems: the files of the verb `export-ip`."""
