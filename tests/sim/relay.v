// Passes frames of four beats on, two elements of three bits each; plusargs plant faults.
// "input" and "same" are the edges of the graph that it stands for, tapped as in a real design.
module tap(input i__valid, input i__ready, input [5:0] i__payload);
endmodule

module top(
  input aclk, input aresetn,
  input [7:0] s_axis_tdata, input s_axis_tvalid, input s_axis_tlast, output s_axis_tready,
  output [7:0] m_axis_tdata, output m_axis_tvalid, output m_axis_tlast, input m_axis_tready,
  output error
);
  reg wrong, bad_input, drop, duplicate, unstable, withdraw, early, padding, hang, mute, extra,
      rise, unknown;
  initial begin
    wrong = $test$plusargs("wrong");
    bad_input = $test$plusargs("bad_input");
    drop = $test$plusargs("drop");
    duplicate = $test$plusargs("duplicate");
    unstable = $test$plusargs("unstable");
    withdraw = $test$plusargs("withdraw");
    early = $test$plusargs("early");
    padding = $test$plusargs("padding");
    hang = $test$plusargs("hang");
    mute = $test$plusargs("mute");
    extra = $test$plusargs("extra");
    rise = $test$plusargs("rise");
    unknown = $test$plusargs("unknown");
  end

  reg held, again, waited;
  reg [5:0] data;
  reg [31:0] n_in, n_out, idle;
  wire here = n_out == 13;

  wire room = ~held | (m_axis_tready & m_axis_tvalid & ~(duplicate & here & ~again));
  assign s_axis_tready = aresetn & room & ~(hang & n_in == 22);
  wire accept = s_axis_tvalid & s_axis_tready;
  wire take = m_axis_tvalid & m_axis_tready;
  wire [5:0] in_data = s_axis_tdata[5:0] ^ {5'b0, bad_input & n_in == 13};

  wire ghost = extra & idle > 40 & n_out == 160;
  assign m_axis_tvalid = (held & ~(mute & n_out == 22) & ~(withdraw & waited & here)) | ghost;
  wire [5:0] out_data = data ^ {5'b0, wrong & here} ^ {unstable & waited & here, 5'b0};
  assign m_axis_tdata = {1'b0, padding & here, unknown & here ? 6'bx : out_data};
  assign m_axis_tlast = early & here ? 1'b1 : n_out[1:0] == 3;
  assign error = rise & n_out > 13;

  always @(posedge aclk)
    if (!aresetn) begin
      held <= 0; again <= 0; waited <= 0; n_in <= 0; n_out <= 0; idle <= 0; data <= 0;
    end else begin
      if (room) held <= accept & ~(drop & n_in == 13);
      if (accept) begin data <= in_data; n_in <= n_in + 1; end
      if (take) begin n_out <= n_out + 1; again <= duplicate & here; end
      waited <= m_axis_tvalid & ~m_axis_tready;
      idle <= held | s_axis_tvalid ? 0 : idle + 1;
    end

  tap fifo_input(s_axis_tvalid, s_axis_tready, in_data);
  tap fifo_same(take, 1'b1, out_data);
endmodule
