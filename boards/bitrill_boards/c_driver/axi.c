
/* ---- The AXI shell ---- */

enum {
@offsets@};
enum { START = @start@, STOP = @stop@ };
enum {
    BUSY = @busy@,
    DONE = @done@,
    MEMORY_ERRORS = @memory_errors@,
    FRAME_ERROR = @frame_error@,
    STOPPED = @stopped@,
    CLEAR = @clear@
};

#define LOOKS 100000000u /* without a wait of the caller's */

static const uint8_t digest[8] = NET_DIGEST;

static uint32_t read_at(void *base, uint32_t offset)
{
    return *(volatile uint32_t *)((uintptr_t)base + offset);
}

static void write_at(void *base, uint32_t offset, uint32_t value)
{
    *(volatile uint32_t *)((uintptr_t)base + offset) = value;
}

net_axi net_axi_at(uintptr_t base)
{
    net_axi axi = {NULL, read_at, write_at, NULL, 0, 0};
    axi.context = (void *)base;
    return axi;
}

static int patient(const net_axi *axi, uint32_t looks)
{
    return axi->wait ? axi->wait(axi->context, looks) : looks < LOOKS;
}

int net_axi_stop(net_axi *axi)
{
    uint32_t looks = 0;
    axi->write(axi->context, STATUS, CLEAR);
    axi->write(axi->context, CONTROL, STOP);
    while ((axi->read(axi->context, STATUS) & (STOPPED | BUSY)) != STOPPED)
        if (!patient(axi, ++looks))
            return NET_HANGS;
    axi->write(axi->context, STATUS, CLEAR);
    return NET_DONE;
}

int net_axi_open(net_axi *axi)
{
    uint32_t low = 0, high = 0;
    int k;
    for (k = 0; k < 4; ++k) {
        high = high << 8 | digest[k];
        low = low << 8 | digest[k + 4];
    }
    if (axi->read(axi->context, IDENTITY) != @identity@u || axi->read(axi->context, VERSION) != @version@)
        return NET_NO_SHELL;
    if (axi->read(axi->context, DIGEST_LOW) != low || axi->read(axi->context, DIGEST_HIGH) != high)
        return NET_OTHER_NETWORK;
    return net_axi_stop(axi);
}

/* Tells the shell where frames or results are; whether it can reach them there. */
static int place(const net_axi *axi, uint32_t offset, uint64_t address, uint32_t words)
{
    const uint32_t low = (uint32_t)(address & 0xFFFFFFFFu), high = (uint32_t)(address >> 32);
    axi->write(axi->context, offset, low);
    axi->write(axi->context, offset + 4, high);
    axi->write(axi->context, offset + 8, words);
    return address % 128 == 0 && axi->read(axi->context, offset) == low &&
           axi->read(axi->context, offset + 4) == high;
}

int net_axi_start(net_axi *axi, uint64_t frames_at, uint64_t results_at, uint32_t frames)
{
    const uint32_t in = NET_MEMORY_IN / 8, out = NET_MEMORY_OUT / 8;
    if (!frames || frames > 0xFFFFFFFFu / (in > out ? in : out))
        return NET_TOO_MANY;
    if (!place(axi, IN_ADDRESS_LOW, frames_at, frames * in) ||
        !place(axi, OUT_ADDRESS_LOW, results_at, frames * out))
        return NET_ADDRESS;
    axi->frames = frames;
    axi->write(axi->context, STATUS, CLEAR);
    axi->write(axi->context, INTERRUPT, axi->interrupt ? 1 : 0);
    axi->write(axi->context, CONTROL, START);
    return NET_DONE;
}

/* Waits until a run ends; returns STATUS, or 0 if it does not. */
static uint32_t ended(net_axi *axi)
{
    uint32_t looks = 0, seen = 0;
    for (;;) {
        const uint32_t status = axi->read(axi->context, STATUS);
        const uint32_t frames = axi->read(axi->context, FRAMES);
        if (status & DONE)
            return status;
        if (frames != seen)
            looks = 0;
        seen = frames;
        if (!patient(axi, ++looks))
            return 0;
    }
}

int net_axi_finish(net_axi *axi, uint64_t *cycles)
{
    const uint32_t status = ended(axi);
    int error = NET_DONE;
    if (!status)
        error = NET_HANGS;
    else if (status & MEMORY_ERRORS)
        error = NET_BUS;
    else if (status & FRAME_ERROR || axi->read(axi->context, FRAMES) != axi->frames)
        error = NET_LOST;
    if (error) {
        const int stopped = net_axi_stop(axi);
        return stopped ? stopped : error;
    }
    if (cycles) {
        *cycles = axi->read(axi->context, CYCLES_LOW);
        *cycles |= (uint64_t)axi->read(axi->context, CYCLES_HIGH) << 32;
    }
    return NET_DONE;
}

void net_axi_weight(const net_axi *axi, uint32_t address, uint32_t word)
{
    axi->write(axi->context, WEIGHTS + address, word);
}
