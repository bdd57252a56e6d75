# The IP packager of Vivado: one core, whose interfaces are inferred from the names of its ports.
namespace eval ipx {}
namespace eval model::ip {
    variable ports {} interfaces {} clocks {} maps {} properties {} done {}
}

# Ports of the project's top module, as Bitrill writes it: a list of names, then declarations
proc model::ip::read_ports {} {
    variable ports
    set text [model::module_text [model::get top]]
    if {$text eq {}} { error "\[IP_Flow 19-5654\] no module [model::get top]" }
    foreach {- direction - name} [regexp -all -inline -line {^ +(input|output)( \[\d+:0\])? ([\w$]+);} $text] {
        dict set ports $name $direction
    }
}
proc model::ip::known {kind name} {
    if {![dict exists [set model::ip::$kind] $name]} { error "\[IP_Flow 19-1\] $kind: no $name" }
}
model::command ipx::package_project {-root_dir -vendor -library -taxonomy} {-import_files -force} 0 0 {
    foreach needed {-root_dir -vendor -library -taxonomy} {
        if {![dict exists $option $needed]} { error "package_project without $needed" }
    }
    if {![file isdirectory [dict get $option -root_dir]]} { error "no folder [dict get $option -root_dir]" }
    model::put ip_root [dict get $option -root_dir]
    model::ip::read_ports
    foreach {name needed} {
        s_axis {tdata tvalid tready} m_axis {tdata tvalid tready}
        s_axi {awaddr awvalid awready wdata wvalid wready bvalid bready araddr arvalid arready rdata rvalid rready}
    } {
        if {![llength [lmap s $needed { if {[dict exists $model::ip::ports ${name}_$s]} continue; set s }]]
                && [model::env INFER 1]} {
            dict set model::ip::interfaces $name inferred
        }
    }
    foreach name {aclk aresetn} { if {[model::env INFER 1]} { dict set model::ip::interfaces $name inferred } }
}
model::command ipx::current_core {} {} 0 0 { return core }
model::command ipx::get_bus_interfaces {-of_objects} {-quiet} 1 1 {
    set name [lindex $words 0]
    if {[dict exists $model::ip::interfaces $name]} { return interface:$name }
    if {![dict exists $option -quiet]} { error "no interface $name" }
}
model::command ipx::get_ports {-of_objects} {-quiet} 1 1 {
    if {[dict exists $model::ip::ports [lindex $words 0]]} { return port:[lindex $words 0] }
    if {![dict exists $option -quiet]} { error "no port $words" }
}
model::command ipx::infer_bus_interface {} {} 3 3 {
    lassign $words ports kind core
    foreach port $ports { model::ip::known ports $port }
    set name [lindex $ports 0]
    switch -- $kind {
        xilinx.com:interface:axis_rtl:1.0 { regsub {_tdata$} $name {} name }
        xilinx.com:interface:aximm_rtl:1.0 { regsub {_[a-z]+$} $name {} name }
        xilinx.com:signal:clock_rtl:1.0 - xilinx.com:signal:reset_rtl:1.0 {}
        default { error "\[IP_Flow 19-569\] bus abstraction $kind is not known" }
    }
    if {[dict exists $model::ip::interfaces $name]} { error "interface $name is there already" }
    dict set model::ip::interfaces $name $ports
}
model::command ipx::associate_bus_interfaces {-busif -clock -reset} {} 1 1 {
    model::ip::known interfaces [dict get $option -clock]
    foreach key {-busif -reset} {
        if {[dict exists $option $key]} {
            model::ip::known interfaces [dict get $option $key]
            dict set model::ip::clocks [dict get $option $key] [dict get $option -clock]
        }
    }
}
model::command ipx::get_memory_maps {-of_objects} {-quiet} 1 1 {
    if {[dict exists $model::ip::maps [lindex $words 0]]} { return map:[lindex $words 0] }
    if {![dict exists $option -quiet]} { error "no memory map $words" }
}
model::command ipx::add_memory_map {} {} 2 2 { dict set model::ip::maps [lindex $words 0] {} }
model::command ipx::get_address_blocks {-of_objects} {-quiet} 1 1 {
    set map [string map {map: {}} [dict get $option -of_objects]]
    if {[lindex $words 0] in [dict get $model::ip::maps $map]} { return block:$map }
    if {![dict exists $option -quiet]} { error "no address block $words" }
}
model::command ipx::add_address_block {} {} 2 2 {
    dict lappend model::ip::maps [string map {map: {}} [lindex $words 1]] [lindex $words 0]
}
foreach {name mark} {ipx::create_xgui_files xgui ipx::update_checksums checksums} {
    model::command $name {} {} 1 1 [string map [list MARK $mark] { lappend model::ip::done MARK }]
}
model::command ipx::check_integrity {} {-quiet} 0 1 {
    foreach name [dict keys $model::ip::interfaces] {
        if {$name ni {aclk} && ![dict exists $model::ip::clocks $name]} {
            puts "WARNING: \[IP_Flow 19-3153\] interface $name has no clock"
            return 0
        }
    }
    return 1
}
model::command ipx::save_core {} {} 1 1 {
    foreach mark {xgui checksums} { if {$mark ni $model::ip::done} { error "$mark are not made" } }
    foreach key {name version display_name description supported_families} {
        if {![dict exists $model::ip::properties $key]} { error "the core has no $key" }
    }
    model::report [file join [model::get ip_root] component.xml] "model of a packaged core"
    model::fact ip [dict get $model::ip::properties name] [lsort [dict keys $model::ip::interfaces]]
    model::fact clocks {*}[lsort -stride 2 $model::ip::clocks]
    model::fact families {*}[dict get $model::ip::properties supported_families]
}
# Properties of what the packager knows
proc model::ip::set_one {key value object} {
    switch -glob -- $object,$key {
        core,name - core,display_name - core,description { dict set model::ip::properties $key $value }
        core,version {
            if {![regexp {^\d+\.\d+$} $value]} { error "\[IP_Flow 19-627\] version $value?" }
            dict set model::ip::properties $key $value
        }
        core,supported_families {
            foreach {family state} $value {
                if {![regexp {^[a-z0-9]+$} $family] || $state ni {Production Beta Pre-Production}} {
                    error "family $family $state?"
                }
            }
            dict set model::ip::properties $key $value
        }
        interface:s_axi,slave_memory_map_ref { model::ip::known maps $value }
        block:*,range {
            if {$value < 4096 || ($value & ($value - 1))} { error "range $value?" }
            model::fact range $value
        }
        default { return 0 }
    }
    return 1
}
