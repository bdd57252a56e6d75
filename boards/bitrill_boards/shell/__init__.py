"""Hardware around a compiled network: a serial link for small boards, AXI for Zynq boards."""
