// A verilated design as the benches see it: ports by name, without Verilator's classes.
//
// A bench includes this alone, so it is compiled once for all designs. design.cpp, which is compiled
// with each design, makes the Design.

#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>

// Verilator keeps a port as an integer, or as an array of words, the lowest first.
class Port {
    void* at;

  public:
    const size_t bytes;
    Port(void* port, size_t n) : at(port), bytes(n) {}
    void put(const uint8_t* from, size_t n) {
        std::memset(at, 0, bytes);
        std::memcpy(at, from, n < bytes ? n : bytes);
    }
    void get(uint8_t* to, size_t n) const {
        std::memset(to, 0, n);
        std::memcpy(to, at, n < bytes ? n : bytes);
    }
    Port(const Port&) = default;
    Port& operator=(const Port&) = delete;  // a value is meant, never the port
    Port& operator=(uint64_t value) {
        switch (bytes) {
        case 1: *static_cast<uint8_t*>(at) = uint8_t(value); break;
        case 2: *static_cast<uint16_t*>(at) = uint16_t(value); break;
        case 4: *static_cast<uint32_t*>(at) = uint32_t(value); break;
        default: put(reinterpret_cast<const uint8_t*>(&value), sizeof value);
        }
        return *this;
    }
    operator uint64_t() const {
        switch (bytes) {
        case 1: return *static_cast<const uint8_t*>(at);
        case 2: return *static_cast<const uint16_t*>(at);
        case 4: return *static_cast<const uint32_t*>(at);
        default: break;
        }
        uint64_t value = 0;
        get(reinterpret_cast<uint8_t*>(&value), sizeof value);
        return value;
    }
};

class Design {
  public:
    std::map<std::string, Port> ports;
    bool reset_level = true;
    virtual ~Design() = default;
    virtual void eval() = 0;
    virtual void final() = 0;
    // Waves, if the design was translated with them: to a VCD or SAIF file, from its opening on.
    virtual void open_wave(const char* path) = 0;
    virtual void dump_wave(uint64_t time) = 0;
    virtual void close_wave() = 0;

    bool has(const std::string& name) const { return ports.count(name); }
    Port port(const std::string& name) const {
        const auto found = ports.find(name);
        if (found != ports.end()) return found->second;
        std::fprintf(stderr, "the design has no port %s\n", name.c_str());
        std::exit(2);
    }
};

// The design, with Verilator's own options (+verilator+...) from the command line. It must end before
// what is static in Verilator, so main owns it.
std::unique_ptr<Design> make_design(int argc, char** argv, bool traced = false);

// A port of what `design` points to, looked up the first time that this place is reached.
#define PORT(name)                                \
    ([]() -> Port& {                              \
        static Port port = design->port(name);    \
        return port;                              \
    }())
