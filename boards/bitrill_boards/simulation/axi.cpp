// The shell of Zynq boards, verilated, between a master of its registers and a memory.
//
// Commands on stdin, little endian; each answer begins with a length(4): 0, then what is said
// below; or that of a text, which names a rule that was broken.
//   'r' offset(4): read a register; value(4) response(4).
//   'w' n(4), then n times offset(4) value(4): write, one behind the other without a pause;
//       n times response(4).
//   'c' n(8) irq(4): n cycles, or until the interrupt is 1 if irq; interrupt(4).
//   'A' address(8) n(8): memory there, filled with what nobody wrote. 'F' address(8): gone again.
//   'M' address(8) n(8) and n bytes: fill. 'm' address(8) n(8): n bytes.
//   'E' address(8) n(8) side(4) response(4): what is answered there, side 0 read, 1 write; n 0: none
//       any more, anywhere.
//   'S': n(4) and n figures(8), as `Traffic` names them; 'B': n(4) and n bursts: write(8) address(8)
//       words(8). 'Z': both from 0 on.
// --latency=L: cycles from an address to its first word, from a burst's last word to its response.
// --stall=P: that a channel begins to wait, on a cycle; --pause=N: for 1 to N cycles. --seed=S.

#include "design.h"

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <vector>

#define LITE(name) PORT("axi__" #name)
#define READ(name) PORT("read__" #name)
#define WRITE(name) PORT("write__" #name)
#define INTERRUPT PORT("interrupt")

namespace {

enum { OKAY = 0, SLVERR = 2, DECERR = 3 };
constexpr int PATIENCE = 256;  // cycles in which a register answers
constexpr uint64_t NEVER = ~0ull;

Design* design;
uint64_t now = 0;
std::mt19937_64 rng;
std::string broken;

void rule(const char* format, ...) {
    if (!broken.empty()) return;
    char text[256];
    va_list list;
    va_start(list, format);
    std::vsnprintf(text, sizeof text, format, list);
    va_end(list);
    broken = "cycle " + std::to_string(now) + ": " + text;
}

// Whether a channel waits on a cycle.
struct Stall {
    static inline double probability = 0;
    static inline uint64_t pause = 1;
    uint64_t left = 0;
    bool operator()() {
        if (left) return --left, true;
        if (!(probability > 0) || std::uniform_real_distribution<>()(rng) >= probability)
            return false;
        left = rng() % pause;
        return true;
    }
};

// What is offered may not change, nor be taken back, until it is taken.
struct Steady {
    const char* name;
    bool waits = false;
    std::vector<uint64_t> held = {};
    void see(bool valid, bool ready, std::vector<uint64_t> payload) {
        if (waits && !valid) rule("%s: valid was taken back", name);
        if (waits && valid && held != payload) rule("%s: changed while it waited", name);
        waits = valid && !ready;
        held = std::move(payload);
    }
};

struct Traffic {
    uint64_t read_words = 0, write_words = 0, first_address = NEVER, first_read = NEVER,
             last_read = 0, first_write = NEVER, last_write = 0;
};

struct Burst {
    uint64_t write, address, words;
};

struct Memory {
    struct Fault {
        uint64_t address, size;
        uint32_t side, response;
    };
    struct Owed {
        uint64_t due, address, words, done = 0;
    };
    struct Response {
        uint64_t due;
        uint32_t response;
    };

    uint64_t latency = 100;
    std::map<uint64_t, std::vector<uint8_t>> regions;
    std::vector<Fault> faults;
    std::deque<Owed> reads, writes;
    std::deque<Response> responses;
    Traffic traffic;
    std::vector<Burst> bursts;
    uint32_t worst = OKAY;
    bool offers_r = false, offers_b = false;
    Stall ar, r, aw, w, b;
    Steady steady_ar{"AR"}, steady_aw{"AW"}, steady_w{"W"};

    uint8_t* at(uint64_t address, uint64_t size) {
        auto it = regions.upper_bound(address);
        if (it == regions.begin()) return nullptr;
        --it;
        const uint64_t offset = address - it->first;
        return offset + size <= it->second.size() ? it->second.data() + offset : nullptr;
    }
    uint32_t response(uint64_t address, uint32_t side) {
        for (const Fault& f : faults)
            if (f.side == side && address - f.address < f.size) return f.response;
        return at(address, 8) ? OKAY : DECERR;
    }
    void legal(const char* name, uint64_t address, uint64_t words, int size, int burst) {
        if (size != 3) rule("%s: size is %d, not 3", name, size);
        if (burst != 1) rule("%s: burst is %d, not 1", name, burst);
        if (words > 16) rule("%s: %d words in a burst", name, int(words));
        if (address % 8) rule("%s: address %llx", name, (unsigned long long)address);
        if (address / 4096 != (address + 8 * words - 1) / 4096)
            rule("%s: a burst at %llx crosses 4 KiB", name, (unsigned long long)address);
    }
    // The inputs of a cycle.
    void drive() {
        READ(arready) = !ar();
        if (!offers_r) offers_r = !reads.empty() && reads.front().due <= now && !r();
        READ(rvalid) = offers_r;
        if (offers_r) {
            const Owed& o = reads.front();
            const uint64_t address = o.address + 8 * o.done;
            const uint32_t response = this->response(address, 0);
            uint64_t data = 0xDEADBEEFDEADBEEF;
            if (response == OKAY) std::memcpy(&data, at(address, 8), 8);
            READ(rdata) = data;
            READ(rresp) = response;
            READ(rlast) = o.done + 1 == o.words;
        } else {
            READ(rdata) = rng();
            READ(rresp) = rng() & 3;
            READ(rlast) = rng() & 1;
        }
        WRITE(awready) = !aw();
        WRITE(wready) = !w();
        if (!offers_b) offers_b = !responses.empty() && responses.front().due <= now && !b();
        WRITE(bvalid) = offers_b;
        WRITE(bresp) = offers_b ? responses.front().response : rng() & 3;
    }
    // What moves at the end of it.
    void observe() {
        steady_ar.see(READ(arvalid), READ(arready), {READ(araddr), READ(arlen), READ(arsize)});
        steady_aw.see(WRITE(awvalid), WRITE(awready), {WRITE(awaddr), WRITE(awlen), WRITE(awsize)});
        steady_w.see(WRITE(wvalid), WRITE(wready), {WRITE(wdata), WRITE(wstrb), WRITE(wlast)});
        if (offers_r && READ(rready)) {
            offers_r = false;
            ++traffic.read_words;
            if (traffic.first_read == NEVER) traffic.first_read = now;
            traffic.last_read = now;
            if (++reads.front().done == reads.front().words) reads.pop_front();
        }
        if (READ(arvalid) && READ(arready)) {
            const uint64_t words = READ(arlen) + 1;
            legal("AR", READ(araddr), words, READ(arsize), READ(arburst));
            reads.push_back({now + latency, READ(araddr), words});
            bursts.push_back({0, READ(araddr), words});
            if (traffic.first_address == NEVER) traffic.first_address = now;
        }
        if (WRITE(awvalid) && WRITE(awready)) {
            const uint64_t words = WRITE(awlen) + 1;
            legal("AW", WRITE(awaddr), words, WRITE(awsize), WRITE(awburst));
            writes.push_back({0, WRITE(awaddr), words});
            bursts.push_back({1, WRITE(awaddr), words});
        }
        if (offers_b && WRITE(bready)) offers_b = false, responses.pop_front();
        if (WRITE(wvalid) && WRITE(wready)) take_word();
    }
    void take_word() {
        if (writes.empty()) return rule("W: a word that no address was given for");
        Owed& o = writes.front();
        const uint64_t address = o.address + 8 * o.done, data = WRITE(wdata);
        const uint32_t response = this->response(address, 1);
        if (response == OKAY) std::memcpy(at(address, 8), &data, 8);
        worst = response > worst ? response : worst;
        if (WRITE(wstrb) != 0xFF) rule("W: strobes are %02x", int(WRITE(wstrb)));
        ++traffic.write_words;
        if (traffic.first_write == NEVER) traffic.first_write = now;
        traffic.last_write = now;
        const bool last = ++o.done == o.words;
        if (last != bool(WRITE(wlast)))
            rule("W: last is %d at word %d of %d", int(WRITE(wlast)), int(o.done), int(o.words));
        if (!last) return;
        responses.push_back({now + latency, worst});
        worst = OKAY;
        writes.pop_front();
    }
} memory;

// The registers' master: accesses one behind the other, address and data in any order.
struct Master {
    struct Access {
        uint32_t offset, value;
    };
    std::deque<Access> aw, w;
    std::deque<uint32_t> ar;
    std::vector<uint32_t> responses, values;
    size_t owed = 0, asked = 0, given = 0;
    Stall s_aw, s_w, s_b, s_ar, s_r;
    bool v_aw = false, v_w = false, v_ar = false;
    Steady steady_b{"B of the registers"}, steady_r{"R of the registers"};

    void drive() {
        v_aw = !aw.empty() && (v_aw || !s_aw());
        v_w = !w.empty() && (v_w || !s_w());
        v_ar = !ar.empty() && (v_ar || !s_ar());
        LITE(awvalid) = v_aw;
        LITE(awaddr) = v_aw ? aw.front().offset : rng();
        LITE(wvalid) = v_w;
        LITE(wdata) = v_w ? w.front().value : rng();
        LITE(wstrb) = v_w ? 15 : rng() & 15;
        LITE(bready) = !s_b();
        LITE(arvalid) = v_ar;
        LITE(araddr) = v_ar ? ar.front() : rng();
        LITE(rready) = !s_r();
    }
    void observe() {
        steady_b.see(LITE(bvalid), LITE(bready), {LITE(bresp)});
        steady_r.see(LITE(rvalid), LITE(rready), {LITE(rdata), LITE(rresp)});
        if (LITE(bvalid) && LITE(bready)) {
            if (given + 1 > std::min(taken_aw, taken_w)) rule("B of the registers: to nothing");
            responses.push_back(LITE(bresp));
            ++given;
        }
        if (LITE(rvalid) && LITE(rready)) {
            if (!asked) rule("R of the registers: to nothing");
            responses.push_back(LITE(rresp));
            values.push_back(LITE(rdata));
            --asked;
        }
        if (v_aw && LITE(awready)) aw.pop_front(), ++taken_aw, v_aw = false;
        if (v_w && LITE(wready)) w.pop_front(), ++taken_w, v_w = false;
        if (v_ar && LITE(arready)) ar.pop_front(), ++asked, v_ar = false;
    }
    size_t taken_aw = 0, taken_w = 0;
} master;

void edge() {
    PORT("clock") = 1;
    design->eval();
    PORT("clock") = 0;
    ++now;
}

void cycle() {
    memory.drive();
    master.drive();
    design->eval();
    memory.observe();
    master.observe();
    edge();
}

void reset() {
    PORT("clock") = 0;
    PORT("reset") = design->reset_level;
    for (int k = 0; k < 4; ++k) {
        memory.drive();
        master.drive();
        design->eval();
        if (k == 3 && (READ(arvalid) || WRITE(awvalid) || WRITE(wvalid) || LITE(bvalid) ||
                       LITE(rvalid) || INTERRUPT))
            rule("something is offered in reset");
        edge();
    }
    PORT("reset") = !design->reset_level;
    now = 0;
}

// The responses to `n` accesses, or a rule that was broken.
void settle(size_t n) {
    const double slow = 1 + 4 * Stall::probability * double(Stall::pause) /
                                (1 - std::min(Stall::probability, 0.9));
    const uint64_t until = now + uint64_t(double(n) * PATIENCE * slow);
    while (master.responses.size() < n && broken.empty()) {
        if (now >= until) return rule("the registers do not answer within %d cycles", PATIENCE);
        cycle();
    }
}

template <class T = uint64_t> T get() {
    T value;
    if (std::fread(&value, sizeof value, 1, stdin) != 1) std::exit(0);
    return value;
}

template <class T> void put(T value) { std::fwrite(&value, sizeof value, 1, stdout); }

// The start of an answer; false where it is that a rule was broken.
bool answer() {
    put(uint32_t(broken.size()));
    std::fwrite(broken.data(), 1, broken.size(), stdout);
    return broken.empty();
}

void read_register() {
    master.ar.push_back(get<uint32_t>());
    settle(1);
    if (!answer()) return;
    put(master.values[0]);
    put(master.responses[0]);
}

void write_registers() {
    const uint32_t n = get<uint32_t>();
    for (uint32_t k = 0; k < n; ++k) {
        const uint32_t offset = get<uint32_t>(), value = get<uint32_t>();
        master.aw.push_back({offset, value});
        master.w.push_back({offset, value});
    }
    settle(n);
    if (!answer()) return;
    for (uint32_t response : master.responses) put(response);
}

void cycles() {
    const uint64_t n = get();
    const uint32_t irq = get<uint32_t>();
    design->eval();
    for (uint64_t k = 0; k < n && broken.empty() && !(irq && INTERRUPT); ++k) cycle();
    design->eval();
    if (answer()) put(uint32_t(INTERRUPT));
}

void allocate() {
    const uint64_t address = get(), n = get();
    auto& region = memory.regions[address];
    region.resize(n);
    for (auto& byte : region) byte = rng();
    answer();
}

void fill() {
    const uint64_t address = get(), n = get();
    std::vector<uint8_t> data(n);
    if (n && std::fread(data.data(), 1, n, stdin) != n) std::exit(0);
    if (uint8_t* to = memory.at(address, n)) std::memcpy(to, data.data(), n);
    else rule("the host: no memory at %llx", (unsigned long long)address);
    answer();
}

void dump() {
    const uint64_t address = get(), n = get();
    const uint8_t* from = memory.at(address, n);
    if (!from) rule("the host: no memory at %llx", (unsigned long long)address);
    if (answer()) std::fwrite(from, 1, n, stdout);
}

void fault() {
    const uint64_t address = get(), n = get();
    const uint32_t side = get<uint32_t>(), response = get<uint32_t>();
    if (n) memory.faults.push_back({address, n, side, response});
    else memory.faults.clear();
    answer();
}

void figures() {
    if (!answer()) return;
    uint64_t reads = 0, writes = 0;
    for (const auto& o : memory.reads) reads += o.words - o.done;
    for (const auto& o : memory.writes) writes += o.words - o.done;
    const Traffic& t = memory.traffic;
    const uint64_t all[] = {now, t.read_words, t.write_words, t.first_address, t.first_read,
                            t.last_read, t.first_write, t.last_write, reads, writes,
                            memory.responses.size()};
    put(uint32_t(std::size(all)));
    for (uint64_t figure : all) put(figure);
}

void bursts() {
    if (!answer()) return;
    put(uint32_t(memory.bursts.size()));
    for (const Burst& burst : memory.bursts) put(burst);
}

double number(int argc, char** argv, const char* name, double otherwise) {
    const std::string prefix = std::string("--") + name + "=";
    for (int k = 1; k < argc; ++k)
        if (!std::strncmp(argv[k], prefix.c_str(), prefix.size()))
            return std::atof(argv[k] + prefix.size());
    return otherwise;
}

}  // namespace

int main(int argc, char** argv) {
    const auto owner = make_design(argc, argv);
    design = owner.get();
    memory.latency = number(argc, argv, "latency", 100);
    Stall::probability = number(argc, argv, "stall", 0);
    Stall::pause = number(argc, argv, "pause", 1);
    rng.seed(number(argc, argv, "seed", 0));
    reset();
    for (;;) {
        master.responses.clear();
        master.values.clear();
        switch (get<char>()) {
        case 'r': read_register(); break;
        case 'w': write_registers(); break;
        case 'c': cycles(); break;
        case 'A': allocate(); break;
        case 'F': memory.regions.erase(get()), answer(); break;
        case 'M': fill(); break;
        case 'm': dump(); break;
        case 'E': fault(); break;
        case 'S': figures(); break;
        case 'B': bursts(); break;
        case 'Z': memory.traffic = {}, memory.bursts.clear(), answer(); break;
        default: return 1;
        }
        std::fflush(stdout);
    }
}
