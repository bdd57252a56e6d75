/* Runs images through a board with the C driver, over one of its links.
 *
 *   links IMAGES RESULTS axi BATCH               through registers and memory of the simulated shell,
 *                                                whose commands are written to stdout (axi.cpp)
 *   links IMAGES RESULTS tty PORT BAUD
 *   links IMAGES RESULTS linux BATCH UIO BUFFER FOLDER
 *
 * IMAGES holds floats, or integers if the network has no quantizer; RESULTS gets integers. Errors are
 * one line on stderr, and the program ends with 1; otherwise stderr gets cycles and resent requests.
 */

#include "net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 1200 };

static uint8_t frames[MOST * NET_FRAME_IN], results[MOST * NET_FRAME_OUT];
static uint8_t memory_in[MOST * NET_MEMORY_IN], memory_out[MOST * NET_MEMORY_OUT];
static uint32_t count;
static uint64_t total;

static void stop(const char *text)
{
    fprintf(stderr, "%s\n", text);
    exit(1);
}

static void require(int error)
{
    if (error)
        stop(net_text(error));
}

static void read_images(const char *path)
{
#ifdef QUANTIZES
    static float image[NET_INPUTS];
#else
    static net_in image[NET_INPUTS];
#endif
    FILE *file = fopen(path, "rb");
    while (file && count < MOST && fread(image, sizeof image, 1, file) == 1) {
#ifdef QUANTIZES
        require(net_pack_image(image, frames + count * NET_FRAME_IN));
#else
        require(net_pack(image, frames + count * NET_FRAME_IN));
#endif
        ++count;
    }
    fclose(file);
}

static void write_results(const char *path)
{
    static net_out integers[NET_OUTPUTS];
    FILE *file = fopen(path, "wb");
    uint32_t k;
    for (k = 0; file && k < count; ++k) {
        net_unpack(results + k * NET_FRAME_OUT, integers);
        fwrite(integers, sizeof integers, 1, file);
    }
    fclose(file);
}

/* The simulated shell: a command, then the answer, which begins with the length of a complaint. */
static void ask(const void *command, size_t n, const void *data, size_t bytes)
{
    uint32_t length;
    fwrite(command, 1, n, stdout);
    if (bytes)
        fwrite(data, 1, bytes, stdout);
    fflush(stdout);
    if (fread(&length, 4, 1, stdin) != 1 || length)
        stop("the simulation complains");
}

static void answer(void *to, size_t n)
{
    if (fread(to, 1, n, stdin) != n)
        stop("the simulation ended");
}

static void put(uint8_t *to, uint64_t value, int n)
{
    for (; n; --n, value >>= 8)
        *to++ = (uint8_t)(value & 0xFF);
}

static uint32_t read_register(void *context, uint32_t offset)
{
    uint8_t command[5] = {'r'};
    uint32_t value[2];
    (void)context;
    put(command + 1, offset, 4);
    ask(command, sizeof command, "", 0);
    answer(value, sizeof value);
    if (value[1])
        stop("a register refuses to be read");
    return value[0];
}

static void write_register(void *context, uint32_t offset, uint32_t value)
{
    uint8_t command[13] = {'w', 1};
    uint32_t response;
    (void)context;
    put(command + 5, offset, 4);
    put(command + 9, value, 4);
    ask(command, sizeof command, "", 0);
    answer(&response, sizeof response);
    if (response)
        stop("a register refuses to be written");
}

static int wait_cycles(void *context, uint32_t looks)
{
    uint8_t command[13] = {'c'};
    uint32_t interrupt;
    (void)context;
    put(command + 1, 1000, 8);
    put(command + 9, 1, 4);
    ask(command, sizeof command, "", 0);
    answer(&interrupt, sizeof interrupt);
    return looks < 100;
}

static void region(char name, uint64_t address, uint64_t bytes, const void *data)
{
    uint8_t command[17];
    command[0] = (uint8_t)name;
    put(command + 1, address, 8);
    put(command + 9, bytes, 8);
    ask(command, sizeof command, data, data ? bytes : 0);
}

static void run_axi(uint32_t batch)
{
    const uint64_t in = 0x10000F80, out = 0x20000000;
    net_axi axi = net_axi_at(0);
    uint32_t k, n;
    uint64_t cycles;
    axi.read = read_register;
    axi.write = write_register;
    axi.wait = wait_cycles;
    axi.interrupt = 1;
    require(net_axi_open(&axi));
    region('A', in, batch * NET_MEMORY_IN, NULL);
    region('A', out, batch * NET_MEMORY_OUT, NULL);
    for (k = 0; k < count; k += n) {
        n = count - k < batch ? count - k : batch;
        region('M', in, n * NET_MEMORY_IN, memory_in + k * NET_MEMORY_IN);
        require(net_axi_start(&axi, in, out, n));
        require(net_axi_finish(&axi, &cycles));
        total += cycles;
        region('m', out, n * NET_MEMORY_OUT, NULL);
        answer(memory_out + k * NET_MEMORY_OUT, n * NET_MEMORY_OUT);
    }
}

/* The memory of a board on Linux, as the simulated hardware sees it before and after a run. */
static uint32_t read_shared(void *context, uint32_t offset)
{
    const net_linux *board = context;
    const uint32_t value = read_register(NULL, offset);
    if (offset == 0x14 && value & 2) {
        region('m', board->address, board->size, NULL);
        answer(board->memory, board->size);
    }
    return value;
}

static void write_shared(void *context, uint32_t offset, uint32_t value)
{
    const net_linux *board = context;
    if (offset == 0x10 && value == 1)
        region('M', board->address, board->size, board->memory);
    write_register(NULL, offset, value);
}

/* A wait enables the interrupt and takes it; a device without interrupts is asked no second time. */
static void interrupt(net_linux *board)
{
    const int device = board->uio;
    uint32_t word = 7;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) || write(ends[1], &word, 4) != 4)
        stop("no sockets");
    board->uio = ends[0];
    if (!board->axi.wait(board, 1) || board->axi.wait(board, 100))
        stop("a wait does not count");
    if (read(ends[1], &word, 4) != 4 || word != 1)
        stop("a wait does not enable the interrupt");
    board->uio = device;
}

static void run_linux(uint32_t batch, char **paths)
{
    static net_linux board;
    const uint8_t *at;
    uint32_t k, n;
    uint64_t cycles;
    require(net_linux_open(&board, paths[0], 0x1000, paths[1], paths[2]));
    interrupt(&board);
    board.axi.read = read_shared;
    board.axi.write = write_shared;
    board.axi.wait = wait_cycles;
    region('A', board.address, board.size, NULL);
    if (batch > net_linux_room(&board))
        batch = net_linux_room(&board);
    for (k = 0; k < count; k += n) {
        n = count - k < batch ? count - k : batch;
        memcpy(board.memory, memory_in + k * NET_MEMORY_IN, n * NET_MEMORY_IN);
        require(net_linux_run(&board, n, &at, &cycles));
        total += cycles;
        memcpy(memory_out + k * NET_MEMORY_OUT, at, n * NET_MEMORY_OUT);
    }
    if (net_linux_run(&board, net_linux_room(&board) + 1, &at, NULL) != NET_TOO_MANY)
        stop("memory has no end");
    net_linux_close(&board);
}

int main(int argc, char **argv)
{
    static net_tty tty;
    uint32_t k;
    if (argc < 5)
        return 2;
    read_images(argv[1]);
    /* bytes behind a frame are ignored, whatever they are */
    memset(memory_in, 0xA5, sizeof memory_in);
    for (k = 0; k < count; ++k)
        memcpy(memory_in + k * NET_MEMORY_IN, frames + k * NET_FRAME_IN, NET_FRAME_IN);
    if (!strcmp(argv[3], "tty")) {
        require(net_tty_open(&tty, argv[4], (uint32_t)atoi(argv[5])));
        require(net_serial_run(&tty.line, frames, results, count, &total));
        net_tty_close(&tty);
    } else {
        if (!strcmp(argv[3], "axi"))
            run_axi((uint32_t)atoi(argv[4]));
        else
            run_linux((uint32_t)atoi(argv[4]), argv + 5);
        for (k = 0; k < count; ++k)
            memcpy(results + k * NET_FRAME_OUT, memory_out + k * NET_MEMORY_OUT, NET_FRAME_OUT);
    }
    write_results(argv[2]);
    fprintf(stderr, "%llu %u\n", (unsigned long long)total, (unsigned)tty.line.resent);
    return 0;
}
