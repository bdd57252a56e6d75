
typedef @word@ net_word; /* holds an element and 7 bits more */

#define IN_MASK (((net_word)1 << (@in_bits@ - 1) << 1) - 1)
#define OUT_MASK (((net_word)1 << (@out_bits@ - 1) << 1) - 1)

const char *net_text(int error)
{
    static const char *const texts[] = {
        "done",
        "the image holds NaN or infinity",
        "an integer is not @in_lo@..@in_hi@",
        "no Bitrill network answers here: is the bitstream loaded, is this its address or port?",
        "the board holds another network: flash this build",
        "the run does not end: flash the bitstream again, and check the memory port",
        "a run must have 1 frame or more, and its words must fit into 32 bits",
        "addresses must be multiples of 128 that the hardware can reach",
        "the hardware's access to memory failed: is this memory open to it?",
        "frames were lost in the network: flash the bitstream again",
        "no answer on the serial line: is this the right port and baud rate?",
        "a device cannot be opened: errno has the reason",
    };
    const size_t n = sizeof texts / sizeof *texts;
    return error >= 0 && (size_t)error < n ? texts[error] : "unknown error";
}

/* Bits that are not yet a whole byte of a frame. */
typedef struct {
    uint8_t *to;
    net_word bits;
    unsigned count;
} writer;

static void put(writer *w, net_in value)
{
    net_word code;
    @encode@
    w->bits |= (code & IN_MASK) << w->count;
    for (w->count += @in_bits@; w->count >= 8; w->count -= 8) {
        *w->to++ = (uint8_t)(w->bits & 0xFF);
        w->bits >>= 8;
    }
}

static void finish(writer *w)
{
    if (w->count)
        *w->to = (uint8_t)w->bits;
}

int net_pack(const net_in integers[NET_INPUTS], uint8_t frame[NET_FRAME_IN])
{
    writer w = {frame, 0, 0};
    uint32_t p, c;
    for (p = 0; p < @in_places@; ++p)
        for (c = 0; c < @in_channels@; ++c) {
            const net_in value = integers[@in_index@];
            @check@put(&w, value);
        }
    finish(&w);
    return NET_DONE;
}

/* Bits that were read from a frame, and belong to no integer yet. */
typedef struct {
    const uint8_t *from;
    net_word bits;
    unsigned count;
} reader;

static net_out get(reader *r)
{
    net_word code;
    for (; r->count < @out_bits@; r->count += 8)
        r->bits |= (net_word)*r->from++ << r->count;
    code = r->bits & OUT_MASK;
    r->bits = r->bits >> (@out_bits@ - 1) >> 1;
    r->count -= @out_bits@;
    @decode@
}

void net_unpack(const uint8_t frame[NET_FRAME_OUT], net_out integers[NET_OUTPUTS])
{
    reader r = {frame, 0, 0};
    uint32_t p, c;
    for (p = 0; p < @out_places@; ++p)
        for (c = 0; c < @out_channels@; ++c)
            integers[@out_index@] = get(&r);
}
