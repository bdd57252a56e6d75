// A serial shell, verilated, at the other end of a pipe: bytes go in and come out in its own time.
//
// Commands on stdin: 'W' n(4) and n bytes: to send, one behind the other. 'R' cycles(4): run until
// a byte has come, but not for longer; answers n(4) now(8) and n bytes. End of file ends it.
// --divisor=D: cycles a bit, for a shell with pins; 0: its core alone, whole bytes, --gap=G cycles
// apart. --flip=P: the probability that a bit is turned round, on either line; --drop=P, --twice=P:
// that a byte is lost or doubled (with pins: a byte's stop bit is lost). --seed=S.

#include "design.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <random>
#include <string>
#include <vector>

namespace {

Design* design;

struct Noise {
    std::mt19937_64 rng;
    double flip = 0, drop = 0, twice = 0;
    bool chance(double p) { return p > 0 && std::uniform_real_distribution<>()(rng) < p; }
    uint8_t byte(uint8_t b) {
        for (int k = 0; k < 8; ++k)
            if (chance(flip)) b ^= 1u << k;
        return b;
    }
};

// One direction of a line with pins: what the host's end does.
struct Sender {
    std::deque<uint8_t>& bytes;
    Noise& noise;
    int divisor, left = 0, wait = 0;
    uint32_t shift = 1;
    int level = 1;
    int step() {
        if (wait) {
            --wait;
            return level;
        }
        if (!left && !bytes.empty()) {
            shift = bytes.front() << 1 | (noise.chance(noise.drop) ? 0u : 1u << 9);
            bytes.pop_front();
            left = 10;
        }
        level = 1;
        if (left) {
            level = (shift & 1) ^ (noise.chance(noise.flip) ? 1 : 0);
            shift >>= 1;
            --left;
            wait = divisor - 1;
        }
        return level;
    }
};

struct Getter {
    std::deque<uint8_t>& bytes;
    Noise& noise;
    int divisor, wait = -1, bit = 0;
    uint32_t data = 0;
    void step(int level) {
        if (wait < 0) {
            if (!level) wait = divisor + divisor / 2 - 1, bit = 0, data = 0;
            return;
        }
        if (wait--) return;
        if (bit == 8) {  // the stop bit
            if (level) bytes.push_back(noise.byte(data));
            wait = -1;
            return;
        }
        data |= level << bit++;
        wait = divisor - 1;
    }
};

double number(int argc, char** argv, const char* name, double otherwise) {
    const std::string prefix = std::string("--") + name + "=";
    for (int k = 1; k < argc; ++k)
        if (!std::strncmp(argv[k], prefix.c_str(), prefix.size()))
            return std::atof(argv[k] + prefix.size());
    return otherwise;
}

void get(void* to, size_t n) {
    if (std::fread(to, 1, n, stdin) != n) std::exit(0);
}

}  // namespace

int main(int argc, char** argv) {
    const auto owner = make_design(argc, argv);
    design = owner.get();
    const int divisor = number(argc, argv, "divisor", 0), gap = number(argc, argv, "gap", 10);
    Noise noise;
    noise.rng.seed(number(argc, argv, "seed", 0));
    noise.flip = number(argc, argv, "flip", 0);
    noise.drop = number(argc, argv, "drop", 0);
    noise.twice = number(argc, argv, "twice", 0);
    std::deque<uint8_t> to, from;
    Sender sender{to, noise, divisor};
    Getter getter{from, noise, divisor};
    uint64_t now = 0;
    int rest = 0;

    auto edge = [&] {
        PORT("clock") = 1;
        design->eval();
        PORT("clock") = 0;
        design->eval();
        ++now;
    };
    auto cycle = [&] {
        if (divisor) {
            PORT("s_data") = sender.step();
            design->eval();
            getter.step(PORT("m_data"));
        } else {
            const bool offers = !to.empty() && rest <= 0;
            PORT("s_valid") = offers;
            PORT("s_data") = offers ? to.front() : 0xEE;
            PORT("m_ready") = 1;
            design->eval();
            if (offers && PORT("s_ready")) to.pop_front(), rest = gap;
            --rest;
            if (PORT("m_valid") && !noise.chance(noise.drop)) {
                const uint8_t b = noise.byte(PORT("m_data"));
                from.push_back(b);
                if (noise.chance(noise.twice)) from.push_back(b);
            }
        }
        edge();
    };

    PORT("s_data") = divisor ? 1 : 0;
    PORT("reset") = design->reset_level;
    for (int k = 0; k < 4; ++k) edge();
    PORT("reset") = !design->reset_level;
    now = 0;
    for (;;) {
        char command;
        uint32_t n;
        get(&command, 1);
        get(&n, 4);
        if (command == 'W') {
            std::vector<uint8_t> data(n);
            get(data.data(), n);
            for (uint8_t b : data) {
                if (divisor) {
                    to.push_back(b);
                    continue;
                }
                if (noise.chance(noise.drop)) continue;
                b = noise.byte(b);
                to.push_back(b);
                if (noise.chance(noise.twice)) to.push_back(b);
            }
            continue;
        }
        for (uint32_t k = 0; k < n && from.empty(); ++k) cycle();
        const uint32_t count = from.size();
        std::fwrite(&count, 4, 1, stdout);
        std::fwrite(&now, 8, 1, stdout);
        for (uint8_t b : from) std::fputc(b, stdout);
        from.clear();
        std::fflush(stdout);
    }
}
