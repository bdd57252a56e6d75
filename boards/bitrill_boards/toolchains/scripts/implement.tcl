# From synthesis of $top on $part to bitrill.bit, in this process: six steps. $also: files in work
# that belong to the bitstream.

# pins that the timing report calls unclocked or unconstrained
proc unconstrained text {
    set sum 0
    foreach what {
        {register/latch pins? with no clock}
        {pins? that (?:are|is) not constrained for maximum delay\.}
    } {
        set found [regexp -all -inline "There (?:are|is) (\\d+) $what" $text]
        if {[llength $found] == 0} {
            error "timing.rpt does not tell what is unconstrained"
        }
        foreach {line count} $found {
            incr sum $count
        }
    }
    return $sum
}
# rows of JSON, "resource": [used, available], of the tables in a utilization report
proc used text {
    set rows {}
    foreach {resource name} {
        lut {(?:Slice|CLB) LUTs\*?} ff {(?:Slice|CLB) Registers} bram {Block RAM Tile} dsp {DSPs}
    } {
        if {[regexp -line "^\\| *$name *\\|(.*)\\|\\s*$" $text line cells]} {
            set cells [split $cells |]
            set is [expr {int(ceil([string trim [lindex $cells 0]]))}]
            set of [expr {int([string trim [lindex $cells end-1]])}]
            lappend rows "\"$resource\": \[$is, $of\]"
        }
    }
    return $rows
}

attempt synthesis {
    synth_design -top $top -part $part
}
attempt optimization {
    opt_design
}
attempt placement {
    place_design -directive $directive
    phys_opt_design
}
attempt routing {
    route_design
}
attempt reports {
    report_utilization -file utilization.rpt
    report_timing_summary -file timing.rpt
    set setup [get_timing_paths -setup -max_paths 1 -nworst 1]
    set hold [get_timing_paths -hold -max_paths 1 -nworst 1]
    if {[llength $setup] == 0 || [llength $hold] == 0} {
        error "no path is timed: there is no clock"
    }
    set wns [get_property SLACK $setup]
    set whs [get_property SLACK $hold]
    set period [get_property REQUIREMENT $setup]
    set loose [unconstrained [contents timing.rpt]]
    set file [open result.json w]
    puts $file "{\"period_ns\": $period, \"wns_ns\": $wns, \"whs_ns\": $whs,"
    puts $file " \"unconstrained\": $loose,"
    puts $file " \"used\": {[join [used [contents utilization.rpt]] {, }]}}"
    close $file
}
if {$loose > 0} {
    refuse $slow "timing is not proven: $loose pins have no clock or no constraint (timing.rpt)"
}
if {$wns < 0} {
    refuse $slow "timing is not met: setup slack $wns ns (timing.rpt)"
}
if {$whs < 0} {
    refuse $slow "timing is not met: hold slack $whs ns (timing.rpt)"
}
attempt bitstream {
    write_bitstream -force work/bitrill.bit
    foreach name [list bitrill.bit {*}$also] {
        file copy -force work/$name work/$name.whole
        file rename -force work/$name.whole $name
    }
}
puts "BITRILL DONE slack $wns ns"
exit 0
