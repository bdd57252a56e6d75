// The Design of one verilated model: its ports, as ports.h lists them (see ports.py), and its waves.

#include "Vtop.h"
#include "design.h"
#include "ports.h"
#include "verilated.h"
#if VM_TRACE_SAIF
#include "verilated_saif_c.h"
using Wave = VerilatedSaifC;
#elif VM_TRACE
#include "verilated_vcd_c.h"
using Wave = VerilatedVcdC;
#endif

namespace {

class VerilatedDesign : public Design {
    VerilatedContext context;
    std::unique_ptr<Vtop> top;
#if VM_TRACE
    Wave wave;
#endif

  public:
    VerilatedDesign(int argc, char** argv, bool traced) {
        context.commandArgs(argc, argv);
        context.traceEverOn(traced);
        top = std::make_unique<Vtop>(&context);
        reset_level = RESET_LEVEL;
#define BIND(NAME, PORT) ports.emplace(#NAME, Port{&top->PORT, sizeof top->PORT});
        PORTS(BIND)
    }
    void eval() override { top->eval(); }
    void final() override { top->final(); }
#if VM_TRACE
    void open_wave(const char* path) override {
        top->trace(&wave, 99);
        wave.open(path);
    }
    void dump_wave(uint64_t time) override { wave.dump(time); }
    void close_wave() override { wave.close(); }
#else
    void open_wave(const char*) override {}
    void dump_wave(uint64_t) override {}
    void close_wave() override {}
#endif
};

}  // namespace

std::unique_ptr<Design> make_design(int argc, char** argv, bool traced) {
    return std::make_unique<VerilatedDesign>(argc, argv, traced);
}
