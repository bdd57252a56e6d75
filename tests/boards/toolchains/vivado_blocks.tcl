# The model's block designs. A kind of block has pins {name direction kind needs} and ports {name
# side protocol clock needs}; ``needs``: properties that must be 1 for it to be there; clocks and
# inputs of a block that are there must be connected, all but the optional ones.

# {name direction kind needs optional}
set model::pins(processing_system7) {
    {FCLK_CLK0 out clock {PCW_EN_CLK0_PORT PCW_FPGA_FCLK0_ENABLE}}
    {FCLK_RESET0_N out reset_low PCW_EN_RST0_PORT}
    {M_AXI_GP0_ACLK in clock PCW_USE_M_AXI_GP0} {M_AXI_GP1_ACLK in clock PCW_USE_M_AXI_GP1}
    {S_AXI_HP0_ACLK in clock PCW_USE_S_AXI_HP0}
    {IRQ_F2P in interrupt {PCW_USE_FABRIC_INTERRUPT PCW_IRQ_F2P_INTR}}
}
set model::ports(processing_system7) {
    {M_AXI_GP0 master AXI3 M_AXI_GP0_ACLK PCW_USE_M_AXI_GP0}
    {M_AXI_GP1 master AXI3 M_AXI_GP1_ACLK PCW_USE_M_AXI_GP1}
    {S_AXI_HP0 slave AXI3 S_AXI_HP0_ACLK PCW_USE_S_AXI_HP0}
}
# as the catalogue gives it, then what a board's preset sets on top
set model::defaults(processing_system7) {
    PCW_USE_M_AXI_GP0 1 PCW_USE_M_AXI_GP1 0 PCW_USE_S_AXI_HP0 0 PCW_S_AXI_HP0_DATA_WIDTH 64
    PCW_USE_FABRIC_INTERRUPT 0 PCW_IRQ_F2P_INTR 0 PCW_EN_CLK0_PORT 1 PCW_EN_RST0_PORT 1
    PCW_FPGA_FCLK0_ENABLE 1 PCW_FCLK0_PERIPHERAL_CLKSRC {IO PLL} PCW_FPGA0_PERIPHERAL_FREQMHZ 50
    PCW_CRYSTAL_PERIPHERAL_FREQMHZ 33.333333 PCW_ACT_FPGA0_PERIPHERAL_FREQMHZ 50.000000
}
set model::preset(processing_system7) {PCW_USE_M_AXI_GP1 1}
set model::segments(processing_system7) {
    {S_AXI_HP0/HP0_DDR_LOWOCM 0x0 0x20000000 PCW_USE_S_AXI_HP0}
}
set model::window(processing_system7) {0x40000000 0x80000000}
set model::frequency(processing_system7) {
    PCW_FPGA0_PERIPHERAL_FREQMHZ PCW_ACT_FPGA0_PERIPHERAL_FREQMHZ
}

set model::pins(zynq_ultra_ps_e) {
    {pl_clk0 out clock PSU__FPGA_PL0_ENABLE} {pl_resetn0 out reset_low PSU__USE__FABRIC__RST}
    {maxihpm0_fpd_aclk in clock PSU__USE__M_AXI_GP0}
    {maxihpm1_fpd_aclk in clock PSU__USE__M_AXI_GP1}
    {maxihpm0_lpd_aclk in clock PSU__USE__M_AXI_GP2}
    {saxihp0_fpd_aclk in clock PSU__USE__S_AXI_GP2} {pl_ps_irq0 in interrupt PSU__USE__IRQ0}
}
set model::ports(zynq_ultra_ps_e) {
    {M_AXI_HPM0_FPD master AXI4 maxihpm0_fpd_aclk PSU__USE__M_AXI_GP0}
    {M_AXI_HPM1_FPD master AXI4 maxihpm1_fpd_aclk PSU__USE__M_AXI_GP1}
    {M_AXI_HPM0_LPD master AXI4 maxihpm0_lpd_aclk PSU__USE__M_AXI_GP2}
    {S_AXI_HP0_FPD slave AXI4 saxihp0_fpd_aclk PSU__USE__S_AXI_GP2}
}
set model::defaults(zynq_ultra_ps_e) {
    PSU__USE__M_AXI_GP0 0 PSU__USE__M_AXI_GP1 0 PSU__USE__M_AXI_GP2 1 PSU__USE__S_AXI_GP2 0
    PSU__MAXIGP0__DATA_WIDTH 128 PSU__SAXIGP2__DATA_WIDTH 128 PSU__USE__IRQ0 0
    PSU__USE__FABRIC__RST 1 PSU__FPGA_PL0_ENABLE 1 PSU__PSS_REF_CLK__FREQMHZ 33.333
    PSU__CRL_APB__PL0_REF_CTRL__SRCSEL IOPLL PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ 100
    PSU__CRL_APB__PL0_REF_CTRL__ACT_FREQMHZ 99.999
}
set model::preset(zynq_ultra_ps_e) {PSU__USE__M_AXI_GP0 1 PSU__USE__M_AXI_GP1 1}
set model::segments(zynq_ultra_ps_e) {
    {SAXIGP2/HP0_DDR_LOW 0x0 0x80000000 PSU__USE__S_AXI_GP2}
    {SAXIGP2/HP0_DDR_HIGH 0x800000000 0x80000000 PSU__USE__S_AXI_GP2}
    {SAXIGP2/HP0_QSPI 0xC0000000 0x20000000 PSU__USE__S_AXI_GP2}
}
set model::window(zynq_ultra_ps_e) {0xA0000000 0xB0000000}
set model::frequency(zynq_ultra_ps_e) {
    PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ PSU__CRL_APB__PL0_REF_CTRL__ACT_FREQMHZ
}

set model::pins(smartconnect) {{aclk in clock {}} {aresetn in reset_low {}}}
set model::ports(smartconnect) {{S00_AXI slave any aclk {}} {M00_AXI master any aclk {}}}
set model::defaults(smartconnect) {NUM_SI 1 NUM_MI 1}
set model::pins(proc_sys_reset) {
    {slowest_sync_clk in clock {}} {ext_reset_in in reset_low {}}
    {peripheral_aresetn out reset_low {}} {peripheral_reset out reset_high {}}
}
set model::ports(proc_sys_reset) {}
set model::defaults(proc_sys_reset) {}

array set model::width {}
set model::cells {}
set model::config {}
set model::nets {}
set model::joined {}
set model::external {}
set model::addresses {}

# -- modules of Verilog: their ports and what their attributes say
proc model::module_text name {
    foreach source [model::get sources] {
        set file [open $source]
        set text [read $file]
        close $file
        if {[regexp "\\nmodule $name\\M.*?\\nendmodule" "\n$text" found]} { return $found }
    }
    return {}
}
proc model::reference name {
    set text [model::module_text $name]
    if {$text eq {}} { error "\[filemgmt 56-195] Module '$name' was not found" }
    set model::pins($name) {}
    set model::ports($name) {}
    set model::defaults($name) {}
    set signals {}
    set pattern {\(\* (.*?) \*\)\s*(input|output) wire (?:\[(\d+):0\] )?(\w+)[,\s]}
    foreach {all attributes direction high port} [regexp -all -inline $pattern $text] {
        if {![regexp {X_INTERFACE_INFO = "xilinx.com:(\w+:\w+):1.0 (\w+) (\w+)"} $attributes \
                all vlnv interface logical]} { error "$port: no X_INTERFACE_INFO" }
        set told {}
        if {[regexp {X_INTERFACE_PARAMETER = "([^"]*)"} $attributes all parameters]} {
            foreach parameter [split $parameters ,] { lappend told {*}$parameter }
            if {[dict get $told XIL_INTERFACENAME] ne $interface} {
                error "$port: parameters of another interface"
            }
        }
        set side [string map {put {}} $direction]
        set width [expr {$high eq {} ? 1 : $high + 1}]
        switch $vlnv {
            signal:clock { lappend model::pins($name) [list $port $side clock {}]; set clock $told }
            signal:reset {
                set kind [dict get {ACTIVE_LOW reset_low ACTIVE_HIGH reset_high} \
                    [dict get $told POLARITY]]
                lappend model::pins($name) [list $port $side $kind {}]
            }
            signal:interrupt { lappend model::pins($name) [list $port $side interrupt {}] }
            interface:aximm {
                if {[dict exists $signals $interface $logical]} { error "$interface: $logical twice" }
                dict set signals $interface $logical [list $side $width]
                foreach {key value} $told { dict set parameter_of $interface $key $value }
            }
            default { error "$port: what is $vlnv?" }
        }
    }
    set buses [split [dict get $clock ASSOCIATED_BUSIF] :]
    if {![dict exists $clock ASSOCIATED_RESET]
        || [lsearch -index 0 $model::pins($name) [dict get $clock ASSOCIATED_RESET]] < 0} {
        error "the clock has no reset"
    }
    dict for {interface table} $signals {
        if {$interface ni $buses} { error "$interface is not associated with a clock" }
        set bus [dict get $parameter_of $interface]
        set side [model::aximm $interface $table $bus]
        lappend model::ports($name) [list $interface $side [dict get $bus PROTOCOL] aclk {}]
        set model::width($name/$interface) [dict get $bus ADDR_WIDTH]
    }
}
# Whether an interface's signals are all there, in one direction, as wide as its parameters say
proc model::aximm {interface table bus} {
    set ahead {AWADDR AWVALID WDATA WSTRB WVALID BREADY ARADDR ARVALID RREADY}
    set back {AWREADY WREADY BRESP BVALID ARREADY RDATA RRESP RVALID}
    if {[dict get $bus PROTOCOL] eq {AXI4}} {
        lappend ahead AWID AWLEN AWSIZE AWBURST AWCACHE AWPROT WLAST
        lappend ahead ARID ARLEN ARSIZE ARBURST ARCACHE ARPROT
        lappend back BID RID RLAST
    }
    set master [expr {[lindex [dict get $table AWVALID] 0] eq {out}}]
    foreach {names side} [list $ahead [expr {$master ? {out} : {in}}] \
            $back [expr {$master ? {in} : {out}}]] {
        foreach name $names {
            if {![dict exists $table $name]} { error "$interface has no $name" }
            if {[lindex [dict get $table $name] 0] ne $side} { error "$interface: $name is no $side" }
        }
    }
    foreach name [dict keys $table] {
        if {$name ni $ahead && $name ni $back} { error "$interface: no signal is called $name" }
    }
    foreach {name key} {AWADDR ADDR_WIDTH ARADDR ADDR_WIDTH WDATA DATA_WIDTH RDATA DATA_WIDTH} {
        if {[lindex [dict get $table $name] 1] != [dict get $bus $key]} {
            error "$interface: $name is not as wide as $key"
        }
    }
    return [expr {$master ? {master} : {slave}}]
}

# -- cells and their properties
model::command create_bd_design {} {} 1 1 { model::put design [lindex $words 0] }
model::command create_bd_cell {-type -vlnv -reference} {} 1 1 {
    model::get design
    set name [lindex $words 0]
    if {[dict exists $model::cells $name]} { error "\[BD 5-221] cell $name exists" }
    if {[dict get $option -type] eq {module}} {
        set kind [dict get $option -reference]
        model::reference $kind
    } else {
        if {![regexp {^xilinx\.com:ip:(\w+)$} [dict get $option -vlnv] all kind]
            || ![info exists model::pins($kind)]} {
            error "\[BD 5-390] IP definition not found for VLNV: [dict get $option -vlnv]"
        }
    }
    dict set model::cells $name $kind
    dict set model::config $name $model::defaults($kind)
    return $name
}
model::command get_bd_cells {} {-quiet} 1 1 {
    if {![dict exists $model::cells [lindex $words 0]]} { error "no cell [lindex $words 0]" }
    return [lindex $words 0]
}
model::command apply_bd_automation {-rule -config} {} 1 1 {
    set cell [lindex $words 0]
    set kind [dict get $model::cells $cell]
    if {[dict get $option -rule] ne "xilinx.com:bd_rule:$kind"} { error "a rule for another block" }
    dict for {key value} [dict get $option -config] {
        switch $key {
            make_external { set model::external [split [string map {{ } {}} $value] ,] }
            apply_board_preset {
                if {$value && [model::get board] eq {}} { error "no board, so no preset" }
                if {$value} {
                    dict set model::config $cell [dict merge [dict get $model::config $cell] \
                        $model::preset($kind)]
                }
                model::fact preset $value
            }
            Master - Slave {}
            default { error "rule has no option $key" }
        }
    }
}
proc model::configure {cell key value} {
    set key [string range $key 7 end]
    if {![dict exists $model::config $cell $key] || [string match *ACT_FREQMHZ $key]
        || [string match PCW_ACT_* $key]} {
        error "\[Common 17-54] cell '$cell' has no property CONFIG.$key that can be set"
    }
    if {[string match *FREQMHZ $key] && ![string is double -strict $value]} {
        error "$key must be a number, not '$value'"
    }
    if {[string match *DATA_WIDTH $key] && $value ni {32 64 128}} { error "$key: $value?" }
    dict set model::config $cell $key $value
    model::fact set $key $value
    set kind [dict get $model::cells $cell]
    if {[info exists model::frequency($kind)]} {
        lassign $model::frequency($kind) asked actual
        if {$key eq $asked} {
            dict set model::config $cell $actual [model::env MADE $value]
            model::put period [expr {1000.0 / $value}]
            model::fact clock $value
        }
    }
}
proc model::configured {cell key} { dict get $model::config $cell [string range $key 7 end] }
proc model::period {} { format %.3f [model::get period] }

# -- connections
proc model::there {cell needs} {
    foreach key $needs { if {![dict get $model::config $cell $key]} { return 0 } }
    return 1
}
proc model::find {table what path} {
    lassign [split $path /] cell name
    if {[dict exists $model::cells $cell]} {
        foreach row [set ${table}([dict get $model::cells $cell])] {
            if {[lindex $row 0] eq $name && [model::there $cell [lindex $row end]]} { return $row }
        }
    }
    error "\[BD 5-106] No $what matched '$path'"
}
model::command get_bd_pins {} {-quiet} 1 1 {
    model::find model::pins pin [lindex $words 0]
    return [lindex $words 0]
}
model::command get_bd_intf_pins {} {-quiet} 1 1 {
    model::find model::ports interface [lindex $words 0]
    return [lindex $words 0]
}
model::command connect_bd_net {-net} {} 2 100 {
    set source [lindex $words 0]
    lassign [model::find model::pins pin $source] name direction kind
    if {$direction ne {out}} { error "$source does not drive" }
    foreach sink [lrange $words 1 end] {
        lassign [model::find model::pins pin $sink] name direction wanted
        if {$direction ne {in}} { error "\[BD 41-1306] $sink is no input" }
        if {[dict exists $model::nets $sink]} { error "$sink has a driver: [dict get $model::nets $sink]" }
        if {$kind ne $wanted} { error "$sink is a $wanted, $source is a $kind" }
        dict set model::nets $sink $source
    }
}
model::command connect_bd_intf_net {} {} 2 2 {
    lassign $words master slave
    if {[lindex [model::find model::ports interface $master] 1] ne {master}
        || [lindex [model::find model::ports interface $slave] 1] ne {slave}} {
        error "\[BD 5-7] $master and $slave are no master and slave"
    }
    foreach port $words {
        if {[dict exists $model::joined $port]} { error "$port is connected to [dict get $model::joined $port]" }
    }
    dict set model::joined $master $slave
    dict set model::joined $slave $master
}

# -- addresses
model::command get_bd_addr_spaces {} {-quiet} 1 1 {
    set name [lindex $words 0]
    lassign [split $name /] cell space
    if {$space ne {Data} || ![info exists model::window([dict get $model::cells $cell])]} {
        if {[lindex [model::find model::ports {address space} $name] 1] ne {master}} {
            error "$name is no address space"
        }
    }
    return $name
}
model::command get_bd_addr_segs {} {-quiet -excluded} 1 1 {
    lassign [split [lindex $words 0] /] cell port
    set kind [dict get $model::cells $cell]
    set found {}
    if {[info exists model::segments($kind)]} {
        foreach row $model::segments($kind) {
            if {[model::there $cell [lindex $row end]]} { lappend found /$cell/[lindex $row 0] }
        }
    } else {
        foreach row $model::ports($kind) {
            if {[lindex $row 1] eq {slave}} { lappend found /$cell/[lindex $row 0]/reg0 }
        }
    }
    set found [lsearch -all -inline -glob $found /[lindex $words 0]]
    if {![llength $found] && ![dict exists $option -quiet]} {
        error "no address segment matched '[lindex $words 0]'"
    }
    return $found
}
model::command assign_bd_address {-offset -range -target_address_space} {-force} 1 1 {
    set space [dict get $option -target_address_space]
    foreach segment [lindex $words 0] {
        lassign [model::natural $segment] offset range
        if {[dict exists $option -offset]} { set offset [dict get $option -offset] }
        if {[dict exists $option -range]} { set range [dict get $option -range] }
        if {$offset eq {}} { error "$segment needs an -offset" }
        lassign [split $space /] cell port
        set what [dict get $model::cells $cell]/$port
        if {[info exists model::width($what)] && $offset + $range > 1 << $model::width($what)} {
            error "$space does not reach $segment"
        }
        if {$offset % $range} { error "\[BD 41-1076] $segment: offset is no multiple of its range" }
        dict set model::addresses $space $segment [list $offset $range]
        model::fact address $space $segment [format {%#x %#x} $offset $range]
    }
}
model::command exclude_bd_addr_seg {-target_address_space} {} 1 1 {
    dict set model::addresses [dict get $option -target_address_space] [lindex $words 0] {}
}
proc model::natural segment {
    lassign [split [string range $segment 1 end] /] cell
    set kind [dict get $model::cells $cell]
    if {[info exists model::segments($kind)]} {
        foreach row $model::segments($kind) {
            if {"/$cell/[lindex $row 0]" eq $segment} { return [lrange $row 1 2] }
        }
    }
    return {}
}

# -- what holds for the whole design
model::command validate_bd_design {} {} 0 0 {
    dict for {cell kind} $model::cells {
        foreach row $model::pins($kind) {
            lassign $row name direction what needs
            if {![model::there $cell $needs]} continue
            if {$direction eq {in} && ![dict exists $model::nets $cell/$name]} {
                error "\[BD 41-758] $what $cell/$name is not connected"
            }
            if {$direction eq {out} && $what eq {interrupt} && "$cell/$name" ni [dict values $model::nets]} {
                error "$what $cell/$name is not connected"
            }
        }
        foreach row $model::ports($kind) {
            lassign $row name side protocol clock needs
            if {![model::there $cell $needs]} continue
            if {![dict exists $model::joined $cell/$name]} {
                error "\[BD 41-2384] interface $cell/$name is not connected"
            }
            if {$side eq {master}} { model::agree $cell/$name [dict get $model::joined $cell/$name] }
        }
        if {$kind eq {processing_system7} && [lsort $model::external] ne {DDR FIXED_IO}} {
            error "DDR and FIXED_IO of $cell are not external"
        }
        if {[info exists model::window($kind)]} { model::mapped $cell $kind }
    }
    model::put validated 1
}
# Both ends have one clock, and one protocol where no smartconnect is at either end
proc model::agree {master slave} {
    foreach end [list $master $slave] {
        lassign [model::find model::ports interface $end] name side protocol clock
        lappend protocols $protocol
        lappend clocks [dict get $model::nets [lindex [split $end /] 0]/$clock]
    }
    if {[lindex $clocks 0] ne [lindex $clocks 1]} { error "$master and $slave have two clocks" }
    if {{any} ni $protocols && [lindex $protocols 0] ne [lindex $protocols 1]} {
        error "\[BD 41-237] $master is [lindex $protocols 0], $slave [lindex $protocols 1]"
    }
}
# Every slave of ours is seen by the processing system, within its window, whole; every master of
# ours sees memory
proc model::mapped {ps kind} {
    lassign $model::window($kind) first end
    dict for {cell what} $model::cells {
        if {![info exists model::width($what/s_axi)]} continue
        set segment /$cell/s_axi/reg0
        if {![dict exists $model::addresses $ps/Data $segment]} {
            error "\[BD 41-1356] $segment is not mapped into $ps/Data"
        }
        lassign [dict get $model::addresses $ps/Data $segment] offset range
        if {$offset < $first || $offset + $range > $end} { error "$segment is outside of the port" }
        if {$range < 1 << $model::width($what/s_axi)} { error "$segment is cut short" }
        set memory 0
        foreach place [dict values [dict get $model::addresses $cell/m_axi]] {
            if {[llength $place]} { incr memory }
        }
        if {!$memory} { error "$cell/m_axi sees no memory" }
    }
}
model::command save_bd_design {} {} 0 0 { model::put saved 1 }
model::command generate_target {} {} 2 2 {
    if {![model::get validated]} { error "the design is not validated" }
    set name [model::get design]
    set folder [model::get folder]/[model::get project].gen/sources_1/bd/$name
    file mkdir $folder/hw_handoff $folder/hdl
    if {[model::env SKIP {}] ne {hwh}} {
        model::report $folder/hw_handoff/$name.hwh "hand-off [model::get part]"
    }
    model::put wrapper $folder/hdl/${name}_wrapper.v
    model::report [model::get wrapper] "module ${name}_wrapper (inout wire ddr);\nendmodule"
}
model::command make_wrapper {-files} {-top} 0 0 { model::get wrapper }
proc model::synthesizable {} {
    if {[model::get memory]} { return [model::complete] }
    if {![dict exists $model::state saved]} { error "the block design is not saved" }
    if {![dict exists $model::state checkpoints] || [model::get checkpoints] ne {None}} {
        error "blocks have checkpoints of their own, which no run makes"
    }
}
