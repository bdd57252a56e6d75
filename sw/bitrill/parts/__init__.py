"""What each FPGA offers: its budget, its family, the shapes of its memories."""
