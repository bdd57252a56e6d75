// Runs whole data sets through a verilated design: one source, one sink, every cycle recorded.
//
// The same bench as bench.py, cycle for cycle, in C++. Compiled with ports.h, which names the
// design's ports (see ports.py). Cycle 0 is the first one after reset. In each cycle the inputs
// settle, a beat moves where valid meets ready, then the clock rises.
//
// Options (--name=value): files x, source, sink (one byte a cycle, repeated: may the source begin
// a beat, is the sink ready), y, in (offered and accepted cycle of each beat, int64 pairs), out
// (taken cycle, int64), wave; counts frames, in_beats, out_beats (a frame), in_bytes, out_bytes
// (a beat), out_bits, patience (cycles), wave_from, wave_to (cycles). Registers (see access.py): file
// access, count accesses; streams of words (words.py), N from 0 on: files wordsN, feedN, fedN, count
// wordN_bytes.
// Prints "P frames cycles" as it goes, "V kind cycle beat" for each rule that is broken (the first
// time), and at the end "R status cycles accepted taken".

#include "Vtop.h"
#include "ports.h"
#include "verilated.h"
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace {

std::map<std::string, std::string> options;

const char* text(const char* name) { return options[name].c_str(); }
int64_t number(const char* name) { return std::atoll(text(name)); }

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "harness: %s\n", what.c_str());
    std::exit(2);
}

struct File {
    std::FILE* handle;
    std::vector<char> buffer;
    std::string path;
    File(const char* name, const char* mode) : buffer(1 << 20), path(text(name)) {
        handle = std::fopen(path.c_str(), mode);
        if (!handle) fail("cannot open " + path);
        std::setvbuf(handle, buffer.data(), _IOFBF, buffer.size());
    }
    ~File() {
        if (std::fclose(handle)) fail("cannot write " + path);
    }
    void read(void* to, size_t n) {
        if (std::fread(to, 1, n, handle) != n) fail("cannot read " + path);
    }
    void write(const void* from, size_t n) {
        if (std::fwrite(from, 1, n, handle) != n) fail("cannot write " + path);
    }
};

std::vector<uint8_t> pattern(const char* name) {
    File file(name, "rb");
    std::vector<uint8_t> bytes(1 << 16);
    size_t n = 0, got;
    while ((got = std::fread(bytes.data() + n, 1, bytes.size() - n, file.handle))) {
        n += got;
        if (n == bytes.size()) bytes.resize(2 * n);
    }
    if (!n) fail(file.path + " is empty");
    bytes.resize(n);
    return bytes;
}

// Little-endian bytes to a port and back: Verilator's ports are integers, or arrays of words.
template <class T>
void put(T& port, const uint8_t* from, size_t n) {
    std::memset(&port, 0, sizeof port);
    std::memcpy(&port, from, n < sizeof port ? n : sizeof port);
}
template <class T>
void get(const T& port, uint8_t* to, size_t n) {
    std::memset(to, 0, n);
    std::memcpy(to, &port, n < sizeof port ? n : sizeof port);
}

// A stream of words: see words.py.
struct Feeder {
    std::vector<uint8_t> words, go;
    size_t bytes;
    File fed;
    size_t at = 0;
    int64_t taken = 0, offered = 0;
    bool valid = false;
    explicit Feeder(const std::string& k)
        : words(pattern(("words" + k).c_str())),
          go(pattern(("feed" + k).c_str())),
          bytes(number(("word" + k + "_bytes").c_str())),
          fed(("fed" + k).c_str(), "wb") {}
    template <class T>
    bool drive(T& data, int64_t cycle) {
        if (!valid && go[at]) {
            valid = true;
            offered = cycle;
            put(data, &words[taken % (words.size() / bytes) * bytes], bytes);
        }
        if (++at == go.size()) at = 0;
        return valid;
    }
    void observe(bool ready) {
        if (!valid || !ready) return;
        fed.write(&offered, sizeof offered);
        taken++;
        valid = false;
    }
};

class Bench {
    VerilatedContext context;
    std::unique_ptr<Vtop> top;
#if VM_TRACE
    VerilatedVcdC wave;
    int64_t wave_from = number("wave_from");
    bool tracing = *text("wave") != 0;
#endif
    std::map<std::string, bool> broken;
    int64_t cycle = 0, before = 0;

    void tick(bool level) {
        top->PORT_CLOCK = level;
        top->eval();
#if VM_TRACE
        if (tracing && cycle >= wave_from)
            wave.dump(static_cast<uint64_t>(2 * (before + cycle + RESET_CYCLES) + level));
#endif
    }
    void violation(const char* kind, int64_t beat) {
        if (broken[kind]) return;
        broken[kind] = true;
        std::printf("V %s %lld %lld\n", kind, (long long)cycle, (long long)beat);
    }
    static constexpr int64_t RESET_CYCLES = 4;

    void reset() {
        top->PORT_RESET = RESET_LEVEL;
        top->PORT_S_VALID = 0;
        top->PORT_M_READY = 0;
#define QUIET(K) top->PORT_WORD##K##_VALID = 0;
        WORDS(QUIET)
#ifdef PORT_AXI_AWADDR
        quiet();
#endif
        for (cycle = -RESET_CYCLES; cycle < 0; cycle++) {
            tick(false);
            tick(true);
        }
        top->PORT_RESET = !RESET_LEVEL;
    }
#ifdef PORT_AXI_AWADDR
    void quiet() {
        top->PORT_AXI_AWVALID = top->PORT_AXI_WVALID = top->PORT_AXI_ARVALID = 0;
        top->PORT_AXI_BREADY = top->PORT_AXI_RREADY = 0;
        top->PORT_AXI_WSTRB = 15;
    }
    // Writes registers and reads them back, as access.py does; false where one never answers.
    bool access() {
        const int64_t n = number("accesses");
        std::vector<uint32_t> list(2 * n);
        File("access", "rb").read(list.data(), 8 * n);
        for (int64_t k = 0; k < 2 * n; k++) {
            const bool writing = k < n;
            const uint32_t address = list[2 * (k % n)], data = list[2 * (k % n) + 1];
            bool aw = false, w = false, ar = false, answered = false;
            top->PORT_AXI_AWADDR = top->PORT_AXI_ARADDR = address;
            top->PORT_AXI_WDATA = data;
            for (int waits = 0; !answered; waits++) {
                if (waits > 256) return violation("silent", k % n), false;
                top->PORT_AXI_AWVALID = writing && !aw && (k % 3 != 1 || w);
                top->PORT_AXI_WVALID = writing && !w && (k % 3 != 2 || aw);
                top->PORT_AXI_ARVALID = !writing && !ar;
                top->PORT_AXI_BREADY = writing;
                top->PORT_AXI_RREADY = !writing;
                tick(false);
                aw |= top->PORT_AXI_AWVALID && top->PORT_AXI_AWREADY;
                w |= top->PORT_AXI_WVALID && top->PORT_AXI_WREADY;
                ar |= top->PORT_AXI_ARVALID && top->PORT_AXI_ARREADY;
                answered = writing ? top->PORT_AXI_BVALID : top->PORT_AXI_RVALID;
                const unsigned response = writing ? top->PORT_AXI_BRESP : top->PORT_AXI_RRESP;
                if (answered && response) violation("refused", k % n);
                else if (answered && !writing && top->PORT_AXI_RDATA != data)
                    violation("readback", k % n);
                tick(true);
                cycle++;
            }
        }
        quiet();
        return true;
    }
#endif

  public:
    Bench(int argc, char** argv) {
        context.commandArgs(argc, argv);
#if VM_TRACE
        context.traceEverOn(tracing);
#endif
        top = std::make_unique<Vtop>(&context);
#if VM_TRACE
        if (tracing) {
            top->trace(&wave, 99);
            wave.open(text("wave"));
        }
#endif
    }

    int run() {
        const int64_t in_beats = number("in_beats"), out_beats = number("out_beats");
        const int64_t frames = number("frames"), n_in = frames * in_beats;
        const int64_t n_out = frames * out_beats, patience = number("patience");
        const size_t in_bytes = number("in_bytes"), out_bytes = number("out_bytes");
        const int64_t spare = 8 * (int64_t)out_bytes - number("out_bits");
        const uint8_t padding = spare ? uint8_t(0xff << (8 - spare)) : 0;
        const uint8_t top_mask = uint8_t(0xff >> (8 * in_bytes - number("in_bits")));
        const auto source = pattern("source"), sink = pattern("sink");
        File x("x", "rb"), y("y", "wb"), in("in", "wb"), out("out", "wb");
        std::vector<uint8_t> beat(in_bytes), seen(out_bytes), held(out_bytes);

        int64_t accepted = 0, taken = 0, moved = 0, offered = 0;
        size_t at_source = 0, at_sink = 0;
        bool offering = false, waiting = false, held_last = false;
        const char* status = "stalled";
        auto told = std::chrono::steady_clock::now();
        std::vector<std::unique_ptr<Feeder>> feeders;
#define FEEDER(K) feeders.push_back(std::make_unique<Feeder>(#K));
        WORDS(FEEDER)
        reset();
#ifdef PORT_AXI_AWADDR
        if (number("accesses")) {
            if (!access()) return stop(status, accepted, taken);
            before = cycle + RESET_CYCLES;  // time goes on
            reset();
        }
#endif
        for (cycle = 0; cycle - moved <= patience; cycle++) {
            if (!offering && accepted < n_in && source[at_source]) {
                x.read(beat.data(), in_bytes);
                offering = true;
                offered = cycle;
                put(top->PORT_S_DATA, beat.data(), in_bytes);
            }
            top->PORT_S_VALID = offering;
#ifdef PORT_S_LAST
            top->PORT_S_LAST = !offering || accepted % in_beats == in_beats - 1;
#endif
            const bool ready = sink[at_sink];
            top->PORT_M_READY = ready;
#define DRIVE(K) top->PORT_WORD##K##_VALID = feeders[K]->drive(top->PORT_WORD##K##_DATA, cycle);
            WORDS(DRIVE)
            tick(false);

#define OBSERVE(K) feeders[K]->observe(top->PORT_WORD##K##_READY);
            WORDS(OBSERVE)
            const bool accept = offering && top->PORT_S_READY;
            const bool valid = top->PORT_M_VALID;
            bool last = false;
            if (valid && taken == n_out) {
                violation("extra", taken);
                break;
            }
            if (valid) {
                get(top->PORT_M_DATA, seen.data(), out_bytes);
#ifdef PORT_M_LAST
                last = top->PORT_M_LAST;
                if (last != (taken % out_beats == out_beats - 1)) violation("last", taken);
#endif
                if (seen[out_bytes - 1] & padding) violation("padding", taken);
                if (waiting && (seen != held || last != held_last)) violation("unstable", taken);
            } else if (waiting) {
                violation("dropped", taken);
            }
#ifdef PORT_ERROR
            if (top->PORT_ERROR) violation("error", taken);
#endif
            const bool take = valid && ready;
            waiting = valid && !ready;
            if (waiting) {
                held = seen;
                held_last = last;
            }
            tick(true);

            if (accept) {
                const int64_t times[2] = {offered, cycle};
                in.write(times, sizeof times);
                accepted++;
                offering = false;
                moved = cycle;
                // what stands there between beats must not matter
                for (auto& byte : beat) byte = ~byte;
                beat.back() &= top_mask;
                put(top->PORT_S_DATA, beat.data(), in_bytes);
            }
            if (take) {
                y.write(seen.data(), out_bytes);
                out.write(&cycle, sizeof cycle);
                taken++;
                moved = cycle;
            }
            if (++at_source == source.size()) at_source = 0;
            if (++at_sink == sink.size()) at_sink = 0;
            if ((cycle & 0xfff) == 0) {
                const auto now = std::chrono::steady_clock::now();
                if (now - told > std::chrono::milliseconds(100)) {
                    told = now;
                    std::printf("P %lld %lld\n", (long long)(taken / out_beats), (long long)cycle);
                    std::fflush(stdout);
                }
            }
        }
        if (accepted == n_in && taken == n_out) status = "done";
        return stop(status, accepted, taken);
    }

  private:
    int stop(const char* status, int64_t accepted, int64_t taken) {
#if VM_TRACE
        if (tracing) wave.close();
#endif
        top->final();
        std::printf("R %s %lld %lld %lld\n", status, (long long)cycle, (long long)accepted,
                    (long long)taken);
        return 0;
    }
};

}  // namespace

int main(int argc, char** argv) {
    for (int i = 1; i < argc; i++) {
        const std::string option = argv[i];
        const size_t equals = option.find('=');
        if (option.rfind("--", 0) == 0 && equals != std::string::npos)
            options[option.substr(2, equals - 2)] = option.substr(equals + 1);
    }
    return Bench(argc, argv).run();
}
