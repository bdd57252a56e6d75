
/* ---- The serial line: 8 data bits, no parity, one stop bit ---- */
typedef struct {
    void *context; /* what the functions below get */
    void (*write)(void *context, const uint8_t *bytes, size_t n);
    /* Returns the next byte, or -1 if none comes within so many milliseconds. */
    int (*read)(void *context, uint32_t milliseconds);
    uint32_t baud;
    uint32_t clock_hz; /* of the network, once open */
    uint32_t resent;   /* requests that were sent again: lost, damaged, or late */
    uint32_t cycles;   /* most cycles of a frame so far */
    uint32_t fill;     /* bytes of a reply in the buffer */
    uint8_t number;    /* of the last request */
    uint8_t buffer[NET_REPLY];
} net_serial;

/* A line of so many baud. */
net_serial net_serial_on(void *context, void (*write)(void *context, const uint8_t *bytes, size_t n),
                         int (*read)(void *context, uint32_t milliseconds), uint32_t baud);

/* Checks that this network is at the other end. */
int net_serial_open(net_serial *line);

/* Runs frames, NET_FRAME_IN bytes each; results have NET_FRAME_OUT bytes each. What is lost or damaged
 * on the line is sent again. cycles, if not NULL: the sum over all frames. */
int net_serial_run(net_serial *line, const uint8_t *frames, uint8_t *results, uint32_t count,
                   uint64_t *cycles);
