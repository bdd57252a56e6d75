
/* ---- Linux: the AXI shell through UIO and u-dma-buf, serial ports (compiled if NET_LINUX is defined) ---- */
#ifdef NET_LINUX
typedef struct {
    net_axi axi;
    uint8_t *memory;  /* shared with the hardware, uncached */
    uint64_t address; /* of memory, for the hardware */
    size_t size;
    int uio, buffer; /* descriptors */
    void *registers;
    size_t bytes; /* of registers */
} net_linux;

/* Opens the shell: a UIO device ("/dev/uio0") with so many bytes of registers (0x1000, or 0x2000000
 * with writable weights), a buffer ("/dev/udmabuf0") and the buffer's folder in sysfs
 * ("/sys/class/u-dma-buf/udmabuf0"); does net_axi_open. The board must not move afterwards. */
int net_linux_open(net_linux *board, const char *uio, size_t bytes, const char *buffer,
                   const char *folder);

/* Runs frames that lie at the start of memory; *results is where their results are. */
int net_linux_run(net_linux *board, uint32_t frames, const uint8_t **results, uint64_t *cycles);
void net_linux_close(net_linux *board);

/* Most frames of a run: so many fit into memory, with their results. */
uint32_t net_linux_room(const net_linux *board);

typedef struct {
    net_serial line;
    int port; /* descriptor */
    uint32_t fill, next;
    uint8_t bytes[256]; /* received */
} net_tty;

/* Opens a serial port ("/dev/ttyUSB0"); does net_serial_open. The tty must not move afterwards. */
int net_tty_open(net_tty *tty, const char *port, uint32_t baud);
void net_tty_close(net_tty *tty);
#endif
