"""Hardware around a compiled network: serial link for small boards, AXI for Zynq boards."""
