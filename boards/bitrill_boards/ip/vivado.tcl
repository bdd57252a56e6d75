# Packages the core for Vivado's catalogue: folder vivado/NAME beside this script.
#   vivado -mode batch -source package_ip.tcl [-tclargs PART]
# Then: set_property ip_repo_paths .../vivado [current_project]; update_ip_catalog

set part [expr {$argc > 0 ? [lindex $argv 0] : "xc7z020clg400-1"}]
set root [file dirname [file normalize [info script]]]
set target [file join $root vivado $name]
file mkdir $target

create_project -force -part $part package [file join $root vivado work]
add_files -norecurse [list [file join $root rtl $name.v]]
set_property top $name [current_fileset]
update_compile_order -fileset sources_1

ipx::package_project -root_dir $target -vendor $vendor -library $library -taxonomy /UserIP \
    -import_files -force
set core [ipx::current_core]
set_property name $name $core
set_property version $version $core
set_property display_name $name $core
set_property description "Network $network with AXI4-Stream ports" $core
set_property supported_families $families $core

# the packager infers interfaces from the names of ports; any that it has not inferred is added
proc has_interface {name core} {
    expr {[llength [ipx::get_bus_interfaces -quiet $name -of_objects $core]] > 0}
}
if {![has_interface aclk $core]} {
    ipx::infer_bus_interface aclk xilinx.com:signal:clock_rtl:1.0 $core
}
if {![has_interface aresetn $core]} {
    ipx::infer_bus_interface aresetn xilinx.com:signal:reset_rtl:1.0 $core
}
foreach {stream ports} $streams {
    if {![has_interface $stream $core]} {
        ipx::infer_bus_interface $ports xilinx.com:interface:axis_rtl:1.0 $core
    }
    ipx::associate_bus_interfaces -busif $stream -clock aclk $core
}
if {[llength $registers]} {
    if {![has_interface s_axi $core]} {
        ipx::infer_bus_interface $registers xilinx.com:interface:aximm_rtl:1.0 $core
    }
    ipx::associate_bus_interfaces -busif s_axi -clock aclk $core
    if {![llength [ipx::get_memory_maps -quiet s_axi -of_objects $core]]} {
        ipx::add_memory_map s_axi $core
        set_property slave_memory_map_ref s_axi [ipx::get_bus_interfaces s_axi -of_objects $core]
    }
    set map [ipx::get_memory_maps s_axi -of_objects $core]
    if {![llength [ipx::get_address_blocks -quiet reg0 -of_objects $map]]} {
        ipx::add_address_block reg0 $map
    }
    set_property range $range [ipx::get_address_blocks reg0 -of_objects $map]
}
ipx::associate_bus_interfaces -clock aclk -reset aresetn $core

ipx::create_xgui_files $core
ipx::update_checksums $core
if {![ipx::check_integrity $core]} { error "the packaged core is not whole" }
ipx::save_core $core
puts "BITRILL PACKAGED $vendor:$library:$name:$version in $target"
