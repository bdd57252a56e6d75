  reg [31:0] got;
  integer in_stalled = 0, out_stalled = 0;  // as the core's counters must be
  always @(posedge aclk) if (aresetn) begin
    if (s_axis_tvalid && !s_axis_tready) in_stalled <= in_stalled + 1;
    if (m_axis_tvalid && !m_axis_tready) out_stalled <= out_stalled + 1;
  end

  // signals change at falling edges: each simulator then has the same values at the rising ones
  task bus_read(input [31:0] address);
    begin
      @(negedge aclk);
      s_axi_araddr = address;
      s_axi_arvalid = 1;
      s_axi_rready = 1;
      while (!s_axi_arready) @(negedge aclk);
      @(negedge aclk);
      s_axi_arvalid = 0;
      while (!s_axi_rvalid) @(negedge aclk);
      got = s_axi_rresp == 0 ? s_axi_rdata : 32'hx;
      @(negedge aclk);
      s_axi_rready = 0;
    end
  endtask

  task bus_write(input [31:0] address, input [31:0] data);
    begin
      @(negedge aclk);
      s_axi_awaddr = address;
      s_axi_awvalid = 1;
      s_axi_wdata = data;
      s_axi_wstrb = 4'hf;
      s_axi_wvalid = 1;
      s_axi_bready = 1;
      while (!s_axi_awready || !s_axi_wready) @(negedge aclk);
      @(negedge aclk);
      s_axi_awvalid = 0;
      s_axi_wvalid = 0;
      while (!s_axi_bvalid) @(negedge aclk);
      @(negedge aclk);
      s_axi_bready = 0;
    end
  endtask
