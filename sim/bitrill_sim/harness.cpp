// Runs whole data sets through a verilated design: one source, one sink, every cycle recorded.
//
// The same bench as bench.py, cycle for cycle, in C++. Ports have the names of ports.py. Cycle 0 is the first one after reset. In each cycle the inputs
// settle, a beat moves where valid meets ready, then the clock rises.
//
// Options (--name=value): files x, source, sink (one byte a cycle, repeated: may the source begin
// a beat, is the sink ready), y, in (offered and accepted cycle of each beat, int64 pairs), out
// (taken cycle, int64), wave; counts frames, in_beats, out_beats (a frame), in_bytes, out_bytes
// (a beat), out_bits, patience (cycles), wave_from, wave_to (cycles), wave_zero
// (whether times begin with wave_from). Registers (see access.py): file
// access, count accesses; streams of words (words.py), N from 0 on: files wordsN, feedN, fedN, count
// wordN_bytes.
// Prints "P frames cycles" as it goes, "V kind cycle beat" for each rule that is broken (the first
// time), and at the end "R status cycles accepted taken".

#include "design.h"

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
Design* design;

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

// A stream of words: see words.py.
struct Feeder {
    Port data, valid_port, ready_port;
    std::vector<uint8_t> words, go;
    size_t bytes;
    File fed;
    size_t at = 0;
    int64_t taken = 0, offered = 0;
    bool valid = false;
    explicit Feeder(const std::string& k)
        : data(design->port("word" + k + "_data")),
          valid_port(design->port("word" + k + "_valid")),
          ready_port(design->port("word" + k + "_ready")),
          words(pattern(("words" + k).c_str())),
          go(pattern(("feed" + k).c_str())),
          bytes(number(("word" + k + "_bytes").c_str())),
          fed(("fed" + k).c_str(), "wb") {}
    void drive(int64_t cycle) {
        if (!valid && go[at]) {
            valid = true;
            offered = cycle;
            data.put(&words[taken % (words.size() / bytes) * bytes], bytes);
        }
        if (++at == go.size()) at = 0;
        valid_port = valid;
    }
    void observe() {
        if (!valid || !ready_port) return;
        fed.write(&offered, sizeof offered);
        taken++;
        valid = false;
    }
};

class Bench {
    const int64_t wave_from = number("wave_from"), wave_to = number("wave_to");
    const bool wave_zero = number("wave_zero");
    const bool tracing = *text("wave") != 0;
    std::vector<std::unique_ptr<Feeder>> feeders;
    std::map<std::string, bool> broken;
    int64_t cycle = 0, before = 0;

    void tick(bool level) {
        PORT("clock") = level;
        design->eval();
        if (!tracing || cycle < wave_from || cycle >= wave_to) return;
        const int64_t at = wave_zero ? cycle - wave_from : before + cycle + RESET_CYCLES;
        design->dump_wave(static_cast<uint64_t>(2 * at + level));
    }
    void violation(const char* kind, int64_t beat) {
        if (broken[kind]) return;
        broken[kind] = true;
        std::printf("V %s %lld %lld\n", kind, (long long)cycle, (long long)beat);
    }
    static constexpr int64_t RESET_CYCLES = 4;
    const bool registers = design->has("axi_awaddr");

    void reset() {
        PORT("reset") = design->reset_level;
        PORT("s_valid") = 0;
        PORT("m_ready") = 0;
        for (auto& feeder : feeders) feeder->valid_port = 0;
        if (registers) quiet();
        for (cycle = -RESET_CYCLES; cycle < 0; cycle++) {
            tick(false);
            tick(true);
        }
        PORT("reset") = !design->reset_level;
    }
    void quiet() {
        for (const char* name : {"axi_awvalid", "axi_wvalid", "axi_arvalid"}) design->port(name) = 0;
        for (const char* name : {"axi_bready", "axi_rready"}) design->port(name) = 0;
        PORT("axi_wstrb") = 15;
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
            PORT("axi_awaddr") = address;
            PORT("axi_araddr") = address;
            PORT("axi_wdata") = data;
            for (int waits = 0; !answered; waits++) {
                if (waits > 256) return violation("silent", k % n), false;
                PORT("axi_awvalid") = writing && !aw && (k % 3 != 1 || w);
                PORT("axi_wvalid") = writing && !w && (k % 3 != 2 || aw);
                PORT("axi_arvalid") = !writing && !ar;
                PORT("axi_bready") = writing;
                PORT("axi_rready") = !writing;
                tick(false);
                aw |= PORT("axi_awvalid") && PORT("axi_awready");
                w |= PORT("axi_wvalid") && PORT("axi_wready");
                ar |= PORT("axi_arvalid") && PORT("axi_arready");
                answered = writing ? PORT("axi_bvalid") : PORT("axi_rvalid");
                const unsigned response = writing ? PORT("axi_bresp") : PORT("axi_rresp");
                if (answered && response) violation("refused", k % n);
                else if (answered && !writing && PORT("axi_rdata") != data)
                    violation("readback", k % n);
                tick(true);
                cycle++;
            }
        }
        quiet();
        return true;
    }

  public:
    Bench() {
        for (int k = 0; design->has("word" + std::to_string(k) + "_valid"); k++)
            feeders.push_back(std::make_unique<Feeder>(std::to_string(k)));
        if (tracing) design->open_wave(text("wave"));
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
        const bool s_last = design->has("s_last"), m_last = design->has("m_last");
        const bool errors = design->has("error");
        reset();
        if (number("accesses")) {
            if (!access()) return stop(status, accepted, taken);
            before = cycle + RESET_CYCLES;  // time goes on
            reset();
        }
        for (cycle = 0; cycle - moved <= patience; cycle++) {
            if (!offering && accepted < n_in && source[at_source]) {
                x.read(beat.data(), in_bytes);
                offering = true;
                offered = cycle;
                PORT("s_data").put(beat.data(), in_bytes);
            }
            PORT("s_valid") = offering;
            if (s_last) PORT("s_last") = !offering || accepted % in_beats == in_beats - 1;
            const bool ready = sink[at_sink];
            PORT("m_ready") = ready;
            for (auto& feeder : feeders) feeder->drive(cycle);
            tick(false);

            for (auto& feeder : feeders) feeder->observe();
            const bool accept = offering && PORT("s_ready");
            const bool valid = PORT("m_valid");
            bool last = false;
            if (valid && taken == n_out) {
                violation("extra", taken);
                break;
            }
            if (valid) {
                PORT("m_data").get(seen.data(), out_bytes);
                if (m_last) {
                    last = PORT("m_last");
                    if (last != (taken % out_beats == out_beats - 1)) violation("last", taken);
                }
                if (seen[out_bytes - 1] & padding) violation("padding", taken);
                if (waiting && (seen != held || last != held_last)) violation("unstable", taken);
            } else if (waiting) {
                violation("dropped", taken);
            }
            if (errors && PORT("error")) violation("error", taken);
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
                PORT("s_data").put(beat.data(), in_bytes);
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
        if (tracing) design->close_wave();
        design->final();
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
    const auto owner = make_design(argc, argv, *text("wave") != 0);
    design = owner.get();
    return Bench().run();
}
