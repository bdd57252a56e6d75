// Block RAM of the 7 series as Yosys instantiates it: no cascade, no output registers. Yosys' own
// cells_sim.v has its ports and delays, but not what it does. After Xilinx UG473, "7 Series FPGAs
// Memory Resources". `netlist.py` puts these lines into the modules RAMB18E1 (W = 16) and
// RAMB36E1 (W = 32), whose ports and parameters they use.
//
// A word that one port reads while the other writes it is what was there before if the writing
// port is READ_FIRST; otherwise the hardware leaves it open, and this model gives its complement.

  localparam A = W == 16 ? 14 : 15;  // address bits; an address counts data bits
  localparam E = $clog2(2 * W);      // the widest access has 2W data bits
  localparam P = W / 8;              // parity bits beside W data bits
  localparam SDP = RAM_MODE == "SDP";

  function integer data_bits(input integer width);
    data_bits = width % 9 == 0 ? width / 9 * 8 : width;
  endfunction

  localparam integer RA = data_bits(READ_WIDTH_A), RB = data_bits(READ_WIDTH_B);
  localparam integer WA = data_bits(WRITE_WIDTH_A), WB = data_bits(WRITE_WIDTH_B);
  localparam PARITY_A = READ_WIDTH_A % 9 == 0, PARITY_B = READ_WIDTH_B % 9 == 0;
  localparam PARITY_WA = WRITE_WIDTH_A % 9 == 0, PARITY_WB = WRITE_WIDTH_B % 9 == 0;

  reg [(1 << A) - 1:0] data = `DATA;
  reg [(1 << (A - 3)) - 1:0] parity = `PARITY;

  wire clock_a = CLKARDCLK ^ IS_CLKARDCLK_INVERTED, clock_b = CLKBWRCLK ^ IS_CLKBWRCLK_INVERTED;
  wire enable_a = ENARDEN ^ IS_ENARDEN_INVERTED, enable_b = ENBWREN ^ IS_ENBWREN_INVERTED;
  wire reset_a = RSTRAMARSTRAM ^ IS_RSTRAMARSTRAM_INVERTED;
  wire reset_b = RSTRAMB ^ IS_RSTRAMB_INVERTED;

  // first data bit of each access
  wire [A-1:0] read_a = ADDRARDADDR[A-1:0] & ~A'((RA == 0 ? 1 : RA) - 1);
  wire [A-1:0] read_b = ADDRBWRADDR[A-1:0] & ~A'((RB == 0 ? 1 : RB) - 1);
  wire [A-1:0] write_a = ADDRARDADDR[A-1:0] & ~A'((WA == 0 ? 1 : WA) - 1);
  wire [A-1:0] write_b = ADDRBWRADDR[A-1:0] & ~A'((WB == 0 ? 1 : WB) - 1);

  // bytes written; a part of a byte counts as one
  wire [2*P-1:0] bytes_a = WA == 0 || !enable_a ? 0 : {{(2 * P - P) {1'b0}}, WEA[P-1:0]};
  wire [2*P-1:0] bytes_b = WB == 0 || !enable_b ? 0 : {{(2 * P - P) {1'b0}}, WEBWE[P-1:0]}
    | (SDP ? {WEBWE[2*P-1:P], {P{1'b0}}} : 0);
  wire [2*W-1:0] in_a = {{W{1'b0}}, DIADI};
  wire [2*P-1:0] in_pa = {{P{1'b0}}, DIPADIP};
  wire [2*W-1:0] in_b = SDP && WB == 2 * W ? {DIBDI, DIADI} : {{W{1'b0}}, DIBDI};
  wire [2*P-1:0] in_pb = SDP && WB == 2 * W ? {DIPBDIP, DIPADIP} : {{P{1'b0}}, DIPBDIP};

  // what is stored now, from each read address on
  wire [2*W-1:0] old_a = data[{read_a[A-1:E], {E{1'b0}}} +: 2*W] >> read_a[E-1:0];
  wire [2*W-1:0] old_b = data[{read_b[A-1:E], {E{1'b0}}} +: 2*W] >> read_b[E-1:0];
  wire [2*P-1:0] old_pa = parity[{read_a[A-1:E], {E - 3{1'b0}}} +: 2*P] >> read_a[E-1:3];
  wire [2*P-1:0] old_pb = parity[{read_b[A-1:E], {E - 3{1'b0}}} +: 2*P] >> read_b[E-1:3];

  wire overlap_ab = |bytes_b && write_b < read_a + RA && read_a < write_b + WB;
  wire overlap_ba = |bytes_a && write_a < read_b + RB && read_b < write_a + WA;
  wire open_a = overlap_ab && WRITE_MODE_B != "READ_FIRST";
  wire open_b = overlap_ba && WRITE_MODE_A != "READ_FIRST";

  reg [2*W-1:0] q_a = {SRVAL_OF(INIT_B), SRVAL_OF(INIT_A)}, q_b = {{W{1'b0}}, SRVAL_OF(INIT_B)};
  reg [2*P-1:0] q_pa = {INIT_B[W +: P], INIT_A[W +: P]}, q_pb = {{P{1'b0}}, INIT_B[W +: P]};

  function [W-1:0] SRVAL_OF(input [W+P-1:0] value);
    SRVAL_OF = value[W-1:0];
  endfunction

  integer i;
  always @(posedge clock_a) begin
    if (enable_a && RA != 0) begin
      if (reset_a) begin
        q_a <= {SRVAL_OF(SRVAL_B), SRVAL_OF(SRVAL_A)};
        q_pa <= {SRVAL_B[W +: P], SRVAL_A[W +: P]};
      end else if (SDP || !(|bytes_a) || WRITE_MODE_A == "READ_FIRST") begin
        q_a <= open_a ? ~old_a : old_a;
        q_pa <= open_a ? ~old_pa : old_pa;
      end else if (WRITE_MODE_A == "WRITE_FIRST") begin
        for (i = 0; i < 2 * P; i = i + 1) begin
          q_a[8*i +: 8] <= bytes_a[i] ? in_a[8*i +: 8] : old_a[8*i +: 8];
          q_pa[i] <= bytes_a[i] ? in_pa[i] : old_pa[i];
        end
      end
    end
    if (WA != 0 && WA < 8) begin
      if (bytes_a[0]) for (i = 0; i < WA; i = i + 1) data[write_a + i] <= in_a[i];
    end else
      for (i = 0; i < P; i = i + 1)
        if (8 * i < WA && bytes_a[i]) begin
          data[write_a + 8 * i +: 8] <= in_a[8*i +: 8];
          if (PARITY_WA) parity[write_a[A-1:3] + i] <= in_pa[i];
        end
  end

  integer j;
  always @(posedge clock_b) begin
    if (enable_b && RB != 0) begin
      if (reset_b) begin
        q_b <= {{W{1'b0}}, SRVAL_OF(SRVAL_B)};
        q_pb <= {{P{1'b0}}, SRVAL_B[W +: P]};
      end else if (!(|bytes_b) || WRITE_MODE_B == "READ_FIRST") begin
        q_b <= open_b ? ~old_b : old_b;
        q_pb <= open_b ? ~old_pb : old_pb;
      end else if (WRITE_MODE_B == "WRITE_FIRST") begin
        for (j = 0; j < 2 * P; j = j + 1) begin
          q_b[8*j +: 8] <= bytes_b[j] ? in_b[8*j +: 8] : old_b[8*j +: 8];
          q_pb[j] <= bytes_b[j] ? in_pb[j] : old_pb[j];
        end
      end
    end
    if (WB != 0 && WB < 8) begin
      if (bytes_b[0]) for (j = 0; j < WB; j = j + 1) data[write_b + j] <= in_b[j];
    end else
      for (j = 0; j < 2 * P; j = j + 1)
        if (8 * j < WB && bytes_b[j]) begin
          data[write_b + 8 * j +: 8] <= in_b[8*j +: 8];
          if (PARITY_WB) parity[write_b[A-1:3] + j] <= in_pb[j];
        end
  end

  assign DOADO = q_a[W-1:0];
  assign DOPADOP = PARITY_A ? q_pa[P-1:0] : 0;
  assign DOBDO = SDP ? q_a[2*W-1:W] : q_b[W-1:0];
  assign DOPBDOP = SDP ? q_pa[2*P-1:P] : PARITY_B ? q_pb[P-1:0] : 0;

  initial if (DOA_REG != 0 || DOB_REG != 0) $fatal(1, "block RAM output registers are not modelled");
