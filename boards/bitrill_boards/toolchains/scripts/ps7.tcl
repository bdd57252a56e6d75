# A whole design without a block design: what it is made of, and its clock.
attempt sources {
    create_project -in_memory -part $part
    read_verilog $sources
    read_xdc $constraints
}
