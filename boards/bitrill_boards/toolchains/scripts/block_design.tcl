# Block design: processing system, network, and what lies between.
#     ps  --control--> smartconnect --> bitrill --> smartconnect --memory--> ps
# One clock and one reset, both of the processing system. Bursts are of 16 words at most and never
# cross 4 KiB, so nothing has to be split where a port is AXI3.

proc block {kind name} {
    create_bd_cell -type ip -vlnv xilinx.com:ip:$kind $name
}
proc join_pins {from pins} {
    foreach pin $pins {
        connect_bd_net [get_bd_pins $from] [get_bd_pins $pin]
    }
}
proc join_ports {from to} {
    connect_bd_intf_net [get_bd_intf_pins $from] [get_bd_intf_pins $to]
}

# the newest board files of the first name that has any
set preset {}
if {[llength $presets] && "part-only" ni $argv && ![info exists ::env(BITRILL_PART_ONLY)]} {
    foreach name $presets {
        set preset [lindex [lsort -dictionary [get_board_parts -quiet $name:part0:*]] end]
        if {$preset ne ""} {
            break
        }
    }
    if {$preset eq ""} {
        refuse $missing $install
    }
}

attempt project {
    create_project -force system work -part $part
    if {$preset ne ""} {
        set_property board_part $preset [current_project]
        # board files may name a part of another temperature range
        set part [get_property PART [current_project]]
    }
    set_property target_language Verilog [current_project]
    add_files -norecurse {top.v shell.v bitrill.v}
    add_files -fileset constrs_1 -norecurse bitrill.xdc
    update_compile_order -fileset sources_1
    create_bd_design system
}

attempt {processing system} {
    block $ps_ip ps
    set applied [expr {$preset ne ""}]
    apply_bd_automation -rule xilinx.com:bd_rule:$ps_ip \
        -config [list {*}$ps_automation apply_board_preset $applied] [get_bd_cells ps]
    if {!$applied} {
        set_property -dict $ps_bare [get_bd_cells ps]
    }
    set_property -dict $ps_config [get_bd_cells ps]
    set made [get_property CONFIG.$ps_actual [get_bd_cells ps]]
    if {abs($made - $clock_mhz) > 0.001 * $clock_mhz} {
        refuse $failed "the processing system makes a clock of $made MHz, not $clock_mhz: its PLL\
            is not the one that the board's file tells of (ps.pll_mhz)"
    }
}

attempt {block design} {
    create_bd_cell -type module -reference bitrill bitrill
    block proc_sys_reset reset
    foreach name {control memory} {
        block smartconnect $name
        set_property -dict {CONFIG.NUM_SI 1 CONFIG.NUM_MI 1} [get_bd_cells $name]
    }
    join_pins ps/$ps_clock $ps_port_clocks
    join_pins ps/$ps_clock {bitrill/aclk control/aclk memory/aclk reset/slowest_sync_clk}
    join_pins ps/$ps_reset reset/ext_reset_in
    join_pins reset/peripheral_aresetn {bitrill/aresetn control/aresetn memory/aresetn}
    join_ports ps/$ps_control control/S00_AXI
    join_ports control/M00_AXI bitrill/s_axi
    join_ports bitrill/m_axi memory/S00_AXI
    join_ports memory/M00_AXI ps/$ps_memory
    join_pins bitrill/interrupt ps/$ps_interrupt
}

attempt addresses {
    assign_bd_address -offset $base -range $size -target_address_space [get_bd_addr_spaces ps/Data] \
        [get_bd_addr_segs bitrill/s_axi/reg0]
    set memory [get_bd_addr_spaces bitrill/m_axi]
    set reached {}
    foreach segment [get_bd_addr_segs ps/$ps_segments/*] {
        if {[file tail $segment] in $ps_ddr} {
            assign_bd_address -target_address_space $memory $segment
            lappend reached $segment
        } else {
            # the port reaches other things, too; said so, or each is warned of
            catch {exclude_bd_addr_seg -target_address_space $memory $segment}
        }
    }
    if {[llength $reached] == 0} {
        error "ps/$ps_segments reaches no DDR"
    }
    validate_bd_design
    save_bd_design
}

attempt sources {
    set design [get_files system.bd]
    # one synthesis for all of it: one process, one log
    set_property synth_checkpoint_mode None $design
    generate_target all $design
    add_files -norecurse [make_wrapper -files $design -top]
    set top system_wrapper
    set_property top $top [current_fileset]
    update_compile_order -fileset sources_1
    set found [glob -nocomplain work/system.{gen,srcs}/sources_1/bd/system/hw_handoff/system.hwh]
    if {[llength $found] == 0} {
        error "system.hwh was not made"
    }
    file copy -force [lindex $found 0] work/bitrill.hwh
}
