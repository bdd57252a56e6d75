
/* ---- The serial line ----
 *
 * request  A5 operation number length(2) payload CRC-32(4)
 * reply    5A status    number length(2) payload CRC-32(4)
 */

enum { REQUEST = 0xA5, REPLY = 0x5A, IDENT = 0, RUN = 1 };
enum { DAMAGED = 1, UNKNOWN = 2, FAULT = 3 };
enum { AROUND = 9, IDENTITY_BYTES = 28, WINDOW = 2, TRIES = 50, SLACK = 50, LONGEST = 10000 };

net_serial net_serial_on(void *context, void (*write)(void *context, const uint8_t *bytes, size_t n),
                         int (*read)(void *context, uint32_t milliseconds), uint32_t baud)
{
    net_serial line;
    memset(&line, 0, sizeof line);
    line.context = context;
    line.write = write;
    line.read = read;
    line.baud = baud;
    return line;
}

/* The CRC-32 of zlib. Begins with 0xFFFFFFFF; the result must be inverted. */
static uint32_t crc(uint32_t sum, const uint8_t *bytes, size_t n)
{
    int k;
    for (; n; --n) {
        sum ^= *bytes++;
        for (k = 0; k < 8; ++k)
            sum = sum >> 1 ^ (sum & 1 ? 0xEDB88320u : 0);
    }
    return sum;
}

static uint32_t little(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static void send(net_serial *line, int operation, uint8_t number, const uint8_t *payload, uint32_t n)
{
    uint8_t head[5], tail[4];
    uint32_t sum;
    int k;
    head[0] = REQUEST;
    head[1] = (uint8_t)operation;
    head[2] = number;
    head[3] = (uint8_t)(n & 0xFF);
    head[4] = (uint8_t)(n >> 8);
    sum = ~crc(crc(0xFFFFFFFFu, head + 1, 4), payload, n);
    for (k = 0; k < 4; ++k)
        tail[k] = (uint8_t)(sum >> 8 * k & 0xFF);
    line->write(line->context, head, sizeof head);
    if (n)
        line->write(line->context, payload, n);
    line->write(line->context, tail, sizeof tail);
}

/* Drops the bytes before the next one at which a reply may begin, from the second on. */
static void skip(net_serial *line, uint32_t n)
{
    while (n < line->fill && line->buffer[n] != REPLY)
        ++n;
    line->fill -= n;
    memmove(line->buffer, line->buffer + n, line->fill);
}

static uint32_t length(const net_serial *line)
{
    return (uint32_t)line->buffer[3] | (uint32_t)line->buffer[4] << 8;
}

/* Whether the buffer begins with a whole reply. What cannot be the start of one is dropped. */
static int whole(net_serial *line)
{
    for (;;) {
        uint32_t end;
        if (line->fill && line->buffer[0] != REPLY)
            skip(line, 1);
        if (line->fill < 5)
            return 0;
        end = length(line) + AROUND;
        if (line->buffer[1] > FAULT || end > NET_REPLY) {
            skip(line, 1);
            continue;
        }
        if (line->fill < end)
            return 0;
        if (~crc(0xFFFFFFFFu, line->buffer + 1, end - 5) == little(line->buffer + end - 4))
            return 1;
        skip(line, 1); /* a later reply may begin within a damaged one */
    }
}

/* Milliseconds of silence after which requests count as lost. */
static uint32_t patience(const net_serial *line)
{
    const uint64_t bytes = WINDOW * (NET_FRAME_IN + NET_FRAME_OUT + 2 * AROUND + 4 + IDENTITY_BYTES);
    const uint64_t moving = (bytes + 60) * 10000 / line->baud;
    uint64_t computing = 0;
    if (line->clock_hz)
        computing = (uint64_t)WINDOW * line->cycles * 1000 / line->clock_hz;
    if (computing > LONGEST)
        computing = LONGEST;
    return (uint32_t)(moving + computing) + SLACK;
}

/* Waits for a reply; 0 after silence, or after more noise than 4 silences would hold. */
static int receive(net_serial *line)
{
    const uint32_t silence = patience(line);
    uint64_t most = (uint64_t)4 * silence * line->baud / 10000 + NET_REPLY;
    for (; most; --most) {
        int byte;
        if (whole(line))
            return 1;
        byte = line->read(line->context, silence);
        if (byte < 0) { /* a reply that ends here is damaged; another one may be within it */
            while (line->fill) {
                skip(line, 1);
                if (whole(line))
                    return 1;
            }
            return 0;
        }
        line->buffer[line->fill++] = (uint8_t)byte;
    }
    return 0;
}

/* Ends the use of the reply at the start of the buffer. */
static void drop(net_serial *line)
{
    skip(line, length(line) + AROUND);
}

int net_serial_open(net_serial *line)
{
    static const uint8_t magic[6] = {'B', 'T', 'R', 'L', @line_version@, 0}; /* and the version */
    const uint8_t *told = line->buffer + 5;
    int tries;
    line->fill = 0;
    for (tries = 0; tries < TRIES; ++tries) {
        send(line, IDENT, ++line->number, NULL, 0);
        while (receive(line)) {
            if (line->buffer[1] || line->buffer[2] != line->number || length(line) != IDENTITY_BYTES) {
                drop(line); /* an answer to an earlier program */
                continue;
            }
            if (memcmp(told, magic, sizeof magic))
                return NET_NO_SHELL;
            if (memcmp(told + 8, digest, sizeof digest) || little(told + 20) != NET_FRAME_IN ||
                little(told + 24) != NET_FRAME_OUT)
                return NET_OTHER_NETWORK;
            line->clock_hz = little(told + 16);
            drop(line);
            return NET_DONE;
        }
        ++line->resent;
    }
    return NET_NO_ANSWER;
}

/* A run: frames before `first` are answered, those before `sent` were sent; `done`: whether the two
 * from `first` on are answered. */
typedef struct {
    const uint8_t *frames;
    uint8_t *results;
    uint32_t count, first, sent, tries; /* since one was answered */
    uint8_t done[WINDOW], number;       /* of frame 0 */
    uint64_t cycles;
} batch;

static void send_frame(net_serial *line, const batch *b, uint32_t k)
{
    const uint8_t number = (uint8_t)(b->number + k);
    send(line, RUN, number, b->frames + (size_t)k * NET_FRAME_IN, NET_FRAME_IN);
}

/* Takes the result at the start of the buffer, if it is one of a frame that waits for it. */
static int take(net_serial *line, batch *b)
{
    const uint8_t *reply = line->buffer;
    uint32_t k;
    for (k = b->first; k < b->sent; ++k)
        if ((uint8_t)(b->number + k) == reply[2] && !b->done[k - b->first])
            break;
    if (k == b->sent || reply[1] == DAMAGED || reply[1] == FAULT)
        return NET_DONE;
    if (reply[1] == UNKNOWN)
        return NET_OTHER_NETWORK;
    if (length(line) != NET_FRAME_OUT + 4)
        return NET_DONE;
    memcpy(b->results + (size_t)k * NET_FRAME_OUT, reply + 5, NET_FRAME_OUT);
    b->cycles += little(reply + 5 + NET_FRAME_OUT);
    if (line->cycles < little(reply + 5 + NET_FRAME_OUT))
        line->cycles = little(reply + 5 + NET_FRAME_OUT);
    b->done[k - b->first] = 1;
    b->tries = 0;
    return NET_DONE;
}

/* Sends what may be sent; moves past the frames that are answered. */
static void advance(net_serial *line, batch *b)
{
    while (b->first < b->sent && b->done[0]) {
        memmove(b->done, b->done + 1, WINDOW - 1);
        b->done[WINDOW - 1] = 0;
        ++b->first;
    }
    while (b->sent < b->count && b->sent < b->first + WINDOW)
        send_frame(line, b, b->sent++);
}

static void send_again(net_serial *line, const batch *b)
{
    uint32_t k;
    for (k = b->first; k < b->sent; ++k)
        if (!b->done[k - b->first]) {
            send_frame(line, b, k);
            ++line->resent;
        }
}

int net_serial_run(net_serial *line, const uint8_t *frames, uint8_t *results, uint32_t count,
                   uint64_t *cycles)
{
    batch b = {NULL, NULL, 0, 0, 0, 0, {0}, 0, 0};
    int error = NET_DONE;
    b.frames = frames;
    b.results = results;
    b.count = count;
    b.number = (uint8_t)(line->number + 1);
    for (advance(line, &b); !error && b.first < count; advance(line, &b)) {
        if (receive(line)) {
            error = take(line, &b);
            drop(line);
        } else if (++b.tries > TRIES) {
            error = NET_NO_ANSWER;
        } else {
            send_again(line, &b);
        }
    }
    line->number = (uint8_t)(b.number + b.sent - 1);
    if (cycles)
        *cycles = b.cycles;
    return error;
}
