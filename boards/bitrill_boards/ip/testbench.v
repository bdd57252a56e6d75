// Sends recorded frames to module @NAME@ and compares every beat of the results.
//   $ iverilog -g2005 -o @NAME@_tb @NAME@_tb.v ../rtl/@NAME@.v && vvp -N @NAME@_tb +stall=30
//   $ verilator --binary --timing -CFLAGS -std=c++20 -Wno-fatal --top @NAME@_tb -o tb @NAME@_tb.v ../rtl/@NAME@.v
`timescale 1ns / 1ps

module @NAME@_tb;
  parameter ENDS = 1;  // 0: the simulation goes on at the end
@SIZES@

  reg aclk = 0, aresetn = 0;
  always #5 aclk = !aclk;

  reg [IN_BITS-1:0] sent [0:FRAMES*IN_BEATS-1];
  reg [OUT_BITS-1:0] wanted [0:FRAMES*OUT_BEATS-1];
  initial $readmemh("@IN_FILE@", sent);
  initial $readmemh("@OUT_FILE@", wanted);

  reg [IN_BITS-1:0] s_axis_tdata = 0;
  reg s_axis_tvalid = 0, s_axis_tlast = 0;
  wire s_axis_tready;
  wire [OUT_BITS-1:0] m_axis_tdata;
  wire m_axis_tvalid, m_axis_tlast, error;
  reg m_axis_tready = 0;
@BESIDE@

  @NAME@ dut (
@PINS@
  );

  integer stall = 0, seed = 1;
  initial begin
    if (!$value$plusargs("stall=%d", stall)) stall = 0;
    if (!$value$plusargs("seed=%d", seed)) seed = 1;
    repeat (4) @(negedge aclk);
    aresetn = 1;
  end

  // 1 in `stall` of 100 calls
  function pauses(input integer unused);
    pauses = $unsigned($random(seed)) % 100 < stall;
  endfunction

  integer now = 0, next = 0, taken = 0, faults = 0, silent = 0;
  integer entered = 0, latency = 0, earlier = 0, interval = 0;
  reg held = 0, held_last;
  reg [OUT_BITS-1:0] held_data;

  always @(posedge aclk) if (aresetn) begin  // the source
    if (!s_axis_tvalid || s_axis_tready) begin
      if (next < FRAMES * IN_BEATS && !pauses(0)) begin
        s_axis_tvalid <= 1;
        s_axis_tdata <= sent[next];
        s_axis_tlast <= next % IN_BEATS == IN_BEATS - 1;
        next <= next + 1;
      end else s_axis_tvalid <= 0;
    end
    if (s_axis_tvalid && s_axis_tready && next <= 1) entered <= now;
  end

  always @(posedge aclk) if (aresetn) begin  // the sink
    m_axis_tready <= !pauses(0);
    held <= m_axis_tvalid && !m_axis_tready;
    held_data <= m_axis_tdata;
    held_last <= m_axis_tlast;
    if (m_axis_tvalid !== 0 && m_axis_tvalid !== 1) fault("m_axis_tvalid is unknown");
    if (held && !(m_axis_tvalid && m_axis_tdata === held_data && m_axis_tlast === held_last))
      fault("a beat was taken back");
    if (error !== 0) fault("error rose");
    if (m_axis_tvalid && m_axis_tready) begin
      if (taken == FRAMES * OUT_BEATS) fault("a beat too many");
      else begin
        if (m_axis_tdata !== wanted[taken]) begin
          fault("a wrong beat");
          $display("  frame %0d, beat %0d: %h, must be %h", taken / OUT_BEATS, taken % OUT_BEATS,
            m_axis_tdata, wanted[taken]);
        end
        if (m_axis_tlast !== (taken % OUT_BEATS == OUT_BEATS - 1)) fault("tlast is wrong");
        if (taken == OUT_BEATS - 1) latency <= now - entered;
        if (taken % OUT_BEATS == OUT_BEATS - 1) begin
          interval <= now - earlier;
          earlier <= now;
        end
        taken <= taken + 1;
      end
    end
  end

  task fault(input [8*32-1:0] what);
    begin
      faults = faults + 1;
      if (faults <= 10) $display("cycle %0d: %0s", now, what);
    end
  endtask

  reg finished = 0;
  always @(posedge aclk) if (aresetn && !finished) begin  // the end
    now <= now + 1;
    if (s_axis_tvalid && s_axis_tready || m_axis_tvalid && m_axis_tready) silent <= 0;
    else silent <= silent + 1;
    if (taken == FRAMES * OUT_BEATS && silent >= @QUIET@ || silent >= PATIENCE) begin
      if (taken != FRAMES * OUT_BEATS) fault("beats are missing");
      finished <= 1;
    end
  end

  initial begin
    wait (finished);
@REGISTERS@
    if (faults == 0)
      $display("PASS %0d frames: latency %0d, last interval %0d cycles", FRAMES, latency, interval);
    else $display("FAIL %0d faults, %0d of %0d beats", faults, taken, FRAMES * OUT_BEATS);
    if (ENDS && faults == 0) $finish;
    else if (ENDS) $stop;
  end
endmodule
