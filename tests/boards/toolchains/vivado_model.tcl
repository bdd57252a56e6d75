# A model of Vivado in batch mode, for tclsh: it knows the commands, options, blocks, pins and
# properties that Bitrill's scripts may use, refuses all others, and checks what is built as Vivado
# would. Block designs: vivado_blocks.tcl; the IP packager: vivado_ip.tcl; others:
# vivado_primitives.tcl. What it pretends is set by the environment:
#     MODEL_VERSION, MODEL_BOARDS, MODEL_PARTS   what is installed
#     MODEL_FAIL, MODEL_SAYS                     a command that fails, and what is printed before
#     MODEL_WNS, MODEL_WHS, MODEL_LOOSE          slacks in ns, unconstrained pins
#     MODEL_MADE                                 MHz that the processing system makes, if another
#     MODEL_HANG                                 a command that never ends
#     MODEL_SKIP                                 a file that is not made: hwh, result
#     MODEL_INFER                                0: the packager infers no interfaces
#     MODEL_TRACE                                file to which facts of the design are appended
namespace eval model {
    variable state {part {} board {} top {} stage none validated 0 xdc {} sources {} memory 0 design {}}
}

proc model::env {name default} {
    expr {[info exists ::env(MODEL_$name)] ? $::env(MODEL_$name) : $default}
}
proc model::get key { dict get $model::state $key }
proc modelset key-value { dict set model::state {*}${key-value} }
proc model::put {key value} { dict set model::state $key $value }
proc model::fact args {
    set name [model::env TRACE {}]
    if {$name eq {}} return
    set file [open $name a]
    puts $file [join $args { }]
    close $file
}

# A command: names of its options with a value, of those without, and how many words else
proc model::command {name valued plain least most body} {
    proc ::$name args [string map [list @N $name @V $valued @P $plain @L $least @M $most @B $body] {
        set option {}
        set words {}
        for {set k 0} {$k < [llength $args]} {incr k} {
            set word [lindex $args $k]
            if {$word in {@V}} {
                if {[incr k] == [llength $args]} {
                    error "\[Common 17-157] Missing value for option '$word' of '@N'"
                }
                dict set option $word [lindex $args $k]
            } elseif {$word in {@P}} {
                dict set option $word 1
            } elseif {[regexp {^-[a-z]} $word]} {
                error "\[Common 17-170] Unknown option '$word', please type '@N -help'"
            } else {
                lappend words $word
            }
        }
        if {[llength $words] < @L || [llength $words] > @M} {
            error "\[Common 17-163] '@N' takes @L to @M values, not '$words'"
        }
        model::pretend @N
        @B
    }]
}
proc model::pretend name {
    if {[model::env HANG {}] eq $name} {
        puts "waiting"
        flush stdout
        while 1 { after 50 }
    }
    if {[model::env FAIL {}] eq $name} {
        puts [model::env SAYS "ERROR: \[Model 1-1] $name cannot"]
        error "ERROR: \[Common 17-39] '$name' failed due to earlier errors."
    }
}

# -- projects and sources
model::command version {} {-short} 0 0 { model::env VERSION 2023.2 }
model::command get_parts {-filter} {-quiet -regexp -nocase} 0 1 {
    if {![dict exists $option -regexp]} { error "get_parts is modelled with -regexp alone" }
    set capitals [expr {[dict exists $option -nocase] ? {-nocase} : {}}]
    lsearch -all -inline -regexp {*}$capitals [model::env PARTS {}] [lindex $words 0]
}
model::command get_board_parts {} {-quiet -latest_file_version} 0 1 {
    lsearch -all -inline -glob [model::env BOARDS {}] [lindex $words 0]
}
model::command create_project {-part} {-force -in_memory} 0 2 {
    if {![dict exists $option -part]} { error "create_project without -part" }
    set part [dict get $option -part]
    if {$part ni [model::env PARTS {}]} { error "\[Coretcl 2-106] part $part is not known" }
    model::put part $part
    if {[dict exists $option -in_memory]} { model::put memory 1; return }
    lassign $words name folder
    if {[file exists $folder/$name.xpr] && ![dict exists $option -force]} {
        error "\[Common 17-53] project exists"
    }
    file mkdir $folder
    close [open $folder/$name.xpr w]
    model::put project $name
    model::put folder $folder
}
model::command current_project {} {} 0 0 { return project }
model::command current_fileset {} {} 0 0 { return sources_1 }
model::command current_design {} {} 0 0 {
    if {[model::get stage] eq {none}} { error "no design is open" }
    return design
}
proc model::source_files names {
    foreach name $names {
        if {![file exists $name]} { error "\[Vivado 12-172] File or Directory '$name' does not exist" }
        if {[file extension $name] eq {.v}} {
            dict lappend model::state sources $name
        } elseif {[file extension $name] eq {.xdc}} {
            dict lappend model::state xdc $name
        } else {
            error "what is $name?"
        }
    }
}
model::command add_files {-fileset} {-norecurse} 1 1 { model::source_files [lindex $words 0] }
model::command read_verilog {} {-sv} 1 1 { model::source_files [lindex $words 0] }
model::command read_xdc {} {} 1 1 { model::source_files [lindex $words 0] }
model::command update_compile_order {-fileset} {} 0 0 {}
model::command get_files {} {-quiet} 1 1 {
    set name [lindex $words 0]
    if {$name eq "[model::get design].bd"} { return $name }
    set found [lsearch -inline -glob [concat [model::get sources] [model::get xdc]] *$name]
    if {$found eq {}} { error "\[Vivado 12-818] No files matched '$name'" }
    return $found
}

# -- properties: of which object which keys, and what values may be
proc model::set_one {key value object} {
    if {[model::ip::set_one $key $value $object]} return
    switch -glob -- $object,$key {
        project,board_part {
            if {$value ni [model::env BOARDS {}]} { error "\[Board 49-71] board $value is not known" }
            model::put board $value
            model::fact board $value
        }
        project,target_language { if {$value ni {Verilog VHDL}} { error "language $value?" } }
        sources_1,top { model::put top $value }
        *.bd,synth_checkpoint_mode { model::put checkpoints $value }
        design,BITSTREAM.CONFIG.USERID {
            if {![regexp {^0x[0-9A-F]{8}$} $value]} { error "\[Designutils] bad USERID $value" }
            model::put userid $value
        }
        design,BITSTREAM.GENERAL.COMPRESS { if {$value ni {TRUE FALSE}} { error "$key $value?" } }
        default {
            if {[string match CONFIG.* $key]} { return [model::configure $object $key $value] }
            error "\[Common 17-54] object '$object' has no property '$key'"
        }
    }
}
model::command set_property {-dict} {} 1 3 {
    if {[dict exists $option -dict]} {
        foreach {key value} [dict get $option -dict] {
            model::set_one $key $value [lindex $words 0]
        }
    } else {
        model::set_one {*}$words
    }
}
model::command get_property {} {} 2 2 {
    lassign $words key object
    switch -- $object,$key {
        project,PART { return [model::get part] }
        path_setup,SLACK { return [model::env WNS 0.321] }
        path_hold,SLACK { return [model::env WHS 0.043] }
        path_setup,REQUIREMENT - path_hold,REQUIREMENT { return [model::period] }
        default {
            if {[string match CONFIG.* $key]} { return [model::configured $object $key] }
            error "\[Common 17-54] object '$object' has no property '$key'"
        }
    }
}

# -- implementation
proc model::advance {from to} {
    if {[model::get stage] ne $from} { error "$to needs a design that is $from" }
    model::put stage $to
}
model::command synth_design {-top -part} {} 0 0 {
    set top [dict get $option -top]
    if {[dict get $option -part] ne [model::get part]} { error "another part than the project's" }
    if {![model::get memory] && [model::get top] ne $top} { error "$top is not the project's top" }
    model::put top $top
    model::synthesizable
    if {[model::module_text $top] eq {}} { error "\[Synth 8-439] module '$top' not found" }
    model::advance none synthesized
    model::fact part [model::get part] top $top
    foreach name [model::get xdc] { model::constrain $name }
}
# An XDC may hold constraints alone, no Tcl
proc model::constrain name {
    set child [interp create -safe]
    foreach command [interp eval $child {info commands}] {
        if {$command ne {source}} { interp hide $child $command }
    }
    foreach command {set_property current_design} { interp alias $child $command {} $command }
    foreach command {get_nets get_ports get_cells} { interp alias $child $command {} list }
    interp alias $child get_pins {} model::primitive_pins
    interp alias $child create_clock {} model::clocked
    interp alias $child set_input_jitter {} model::jittered
    set file [open $name]
    set text [read $file]
    close $file
    interp eval $child $text
    interp delete $child
}
model::command opt_design {} {} 0 0 { model::advance synthesized optimized }
model::command place_design {-directive} {} 0 0 {
    set known {Default Explore ExtraNetDelay_high ExtraPostPlacementOpt}
    if {[dict exists $option -directive] && [dict get $option -directive] ni $known} {
        error "directive [dict get $option -directive]?"
    }
    model::fact directive {*}[dict values $option]
    model::advance optimized placed
}
model::command phys_opt_design {} {} 0 0 { model::advance placed placed }
model::command route_design {} {} 0 0 { model::advance placed routed }
model::command report_utilization {-file} {} 0 0 {
    if {[model::get stage] ne {routed}} { error "utilization is final after routing" }
    set kind [expr {[string match xc7* [model::get part]] ? {Slice} : {CLB}}]
    model::report [dict get $option -file] [string map [list KIND $kind] {
+----------------------------+------+-------+------------+-----------+-------+
|          Site Type         | Used | Fixed | Prohibited | Available | Util% |
+----------------------------+------+-------+------------+-----------+-------+
| KIND LUTs                  | 4321 |     0 |          0 |     53200 |  8.12 |
|   LUT as Logic             | 4000 |     0 |          0 |     53200 |  7.52 |
| KIND Registers             | 5150 |     0 |          0 |    106400 |  4.84 |
| Block RAM Tile             |  2.5 |     0 |          0 |       140 |  1.79 |
| DSPs                       |    0 |     0 |          0 |       220 |  0.00 |
}]
}
model::command report_timing_summary {-file} {} 0 0 {
    if {[model::get stage] ne {routed}} { error "timing is final after routing" }
    set loose [model::env LOOSE 0]
    model::report [dict get $option -file] "
1. checking no_clock ($loose)
------------------------
 There are $loose register/latch pins with no clock.

4. checking unconstrained_internal_endpoints (0)
------------------------------------------------
 There are 0 pins that are not constrained for maximum delay.

 There are 0 pins that are not constrained for maximum delay due to constant clock.
"
}
proc model::report {name text} {
    set file [open $name w]
    puts $file $text
    close $file
}
model::command get_timing_paths {-max_paths -nworst} {-setup -hold} 0 0 {
    if {[model::get stage] ne {routed}} { error "timing is final after routing" }
    if {![model::is_clocked]} return
    return [expr {[dict exists $option -hold] ? {path_hold} : {path_setup}}]
}
model::command write_bitstream {} {-force} 1 1 {
    if {[model::get stage] ne {routed}} { error "the design is not routed" }
    if {[model::env SKIP {}] eq {bit}} return
    set user 0xFFFFFFFF
    if {[dict exists $model::state userid]} { set user [model::get userid] }
    model::report [lindex $words 0] "bitstream [model::get part] UserID=$user"
}

# -- the program: its arguments, its log, its end
proc model::main arguments {
    set script {}
    set tclargs {}
    for {set k 0} {$k < [llength $arguments]} {incr k} {
        set word [lindex $arguments $k]
        switch -- $word {
            -mode { if {[lindex $arguments [incr k]] ne {batch}} { exit 1 } }
            -nojournal - -notrace {}
            -log { model::put log [lindex $arguments [incr k]] }
            -source { set script [lindex $arguments [incr k]] }
            -tclargs { set tclargs [lrange $arguments $k+1 end]; break }
            default { puts stderr "vivado: unknown option $word"; exit 1 }
        }
    }
    if {![file exists $script]} { puts "ERROR: no script '$script'"; exit 1 }
    if {[dict exists $model::state log]} { model::report [model::get log] "model of Vivado" }
    set ::argv $tclargs
    set ::argc [llength $tclargs]
    if {[catch {uplevel #0 [list source $script]} why options]} {
        puts "ERROR: $why"
        puts [dict get $options -errorinfo]
        exit 1
    }
    exit 0
}
rename modelset {}
foreach part {blocks primitives ip} {
    source [file join [file dirname [info script]] vivado_$part.tcl]
}
model::main $argv
