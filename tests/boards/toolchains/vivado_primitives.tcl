# The model's designs without a block design: what a top made of primitives must have, and what of
# it an XDC may name. Objects that are not found give a critical warning, as in Vivado: the design
# goes on without the constraint.
set model::primitives {PS7 BUFG}

# Every instance is of a module that was read, or of a primitive
proc model::complete {} {
    set text {}
    foreach source [model::get sources] {
        set file [open $source]
        append text [read $file]
        close $file
    }
    set known $model::primitives
    foreach {all plain odd} [regexp -all -inline -line {^module (?:(\w+)|\\(\S+) )} $text] {
        lappend known $plain$odd
    }
    set pattern {^  (?:(\w+)|\\(\S+) ) (?:#\([^;]*?\) )?\s*(?:\w+|\\\S+ ) \($}
    foreach {all plain odd} [regexp -all -inline -line $pattern $text] {
        if {$plain ne {module} && "$plain$odd" ni $known} {
            error "\[Synth 8-439] module '$plain$odd' not found"
        }
    }
}
# Pins of a primitive in the top, by path
proc model::primitive_pins path {
    if {![model::get memory]} { return $path }
    if {[regexp {^(\w+)/(\w+)(?:\[(\d+)\])?$} $path all cell port bit]
            && [regexp "\\n  (\\w+) $cell \\((.*?)\\n  \\);" [model::module_text [model::get top]] \
                all kind ports]
            && $kind in $model::primitives
            && [regexp "\\.${port}\\((\\w+)\\)" $ports all net]} { return $path }
    puts "CRITICAL WARNING: \[Vivado 12-508] No pins matched '$path'."
    return {}
}
proc model::clocked args {
    set options [lrange $args 0 end-1]
    if {![dict exists $options -period] || ![string is double -strict [dict get $options -period]]} {
        error "create_clock without -period"
    }
    if {[lindex $args end] eq {}} {
        puts "CRITICAL WARNING: \[Vivado 12-4739] create_clock: No valid object(s) found"
        return
    }
    model::put period [dict get $options -period]
    if {[dict exists $options -name]} { model::put clock [dict get $options -name] }
    model::fact period [dict get $options -period] [lindex $args end]
}
proc model::jittered {clock ns} {
    if {![dict exists $model::state clock] || [model::get clock] ne $clock} {
        error "\[Vivado 12-4739] set_input_jitter: no clock '$clock'"
    }
    if {$ns < 0 || $ns * 10 > [model::get period]} { error "set_input_jitter $ns?" }
    model::fact jitter $ns
}
proc model::is_clocked {} { dict exists $model::state period }
