# What every script begins with. Vivado's working folder is the script's, and all names are
# relative to it: no path is ever written into a script. Lines for the caller begin with BITRILL.
set missing 3
set failed 4
set slow 5
cd [file dirname [file normalize [info script]]]
set at 0
proc announce name {
    puts "BITRILL STEP [incr ::at]/$::steps $name"
    flush stdout
}
proc refuse {code why} {
    puts "BITRILL ERROR $why"
    flush stdout
    exit $code
}
proc attempt {name body} {
    announce $name
    if {[catch {uplevel #0 $body} why]} {
        refuse $::failed "$name failed: $why"
    }
}
proc contents name {
    set file [open $name]
    set text [read $file]
    close $file
    return $text
}
# what an earlier run left is never taken for this one's
file delete -force bitrill.bit bitrill.hwh result.json
file mkdir work
scan [version -short] %d.%d year release
if {$year * 10 + $release < 20201} {
    refuse $missing "Vivado 2020.1 or later is needed, this is [version -short]"
}
# spellings of a part differ in capitals
set part [lindex [get_parts -quiet -regexp -nocase "^$wanted\$"] 0]
if {$part eq ""} {
    refuse $missing "Vivado does not know part $wanted: add its family in\
        Help, Add Design Tools or Devices"
}
