
#ifdef NET_LINUX

/* ---- Linux ---- */

static uint32_t read_linux(void *context, uint32_t offset)
{
    const net_linux *board = context;
    return read_at(board->registers, offset);
}

static void write_linux(void *context, uint32_t offset, uint32_t value)
{
    const net_linux *board = context;
    write_at(board->registers, offset, value);
}

/* Sleeps until the interrupt or 100 ms, 100 times; if there is none 1 ms, 10,000 times. */
static int wait_linux(void *context, uint32_t looks)
{
    const net_linux *board = context;
    const struct timespec millisecond = {0, 1000000};
    struct pollfd found = {0, POLLIN, 0};
    uint32_t count = 1;
    found.fd = board->uio;
    if (board->axi.interrupt && write(board->uio, &count, sizeof count) == sizeof count) {
        if (poll(&found, 1, 100) > 0 && read(board->uio, &count, sizeof count) < 0)
            return 0;
        return looks < 100;
    }
    if (looks > 10)
        nanosleep(&millisecond, NULL);
    return looks < 10000;
}

/* A number in one of the kernel's files; 0 if there is none. */
static uint64_t number_in(const char *folder, const char *name)
{
    char path[256], text[32] = "";
    unsigned long long value = 0;
    FILE *file = NULL;
    if (snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path)
        file = fopen(path, "r");
    if (!file)
        return 0;
    if (!fgets(text, sizeof text, file) ||
        sscanf(text, strncmp(text, "0x", 2) ? "%llu" : "%llx", &value) != 1)
        value = 0;
    fclose(file);
    return value;
}

static void *mapped(int file, size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    return at == MAP_FAILED ? NULL : at;
}

int net_linux_open(net_linux *board, const char *uio, size_t bytes, const char *buffer,
                   const char *folder)
{
    int error = NET_OPEN;
    memset(board, 0, sizeof *board);
    board->axi.context = board;
    board->axi.read = read_linux;
    board->axi.write = write_linux;
    board->axi.wait = wait_linux;
    board->axi.interrupt = 1;
    board->bytes = bytes;
    board->size = (size_t)number_in(folder, "size");
    board->address = number_in(folder, "phys_addr");
    board->uio = open(uio, O_RDWR | O_SYNC);
    board->buffer = open(buffer, O_RDWR | O_SYNC); /* O_SYNC: not cached */
    if (board->uio >= 0 && board->buffer >= 0 && board->size) {
        board->registers = mapped(board->uio, bytes);
        board->memory = mapped(board->buffer, board->size);
    }
    if (board->registers && board->memory)
        error = net_axi_open(&board->axi);
    if (error)
        net_linux_close(board);
    return error;
}

/* Bytes of frames, up to the start of their results. */
static uint64_t results_at(uint32_t frames)
{
    return ((uint64_t)frames * NET_MEMORY_IN + 127) / 128 * 128;
}

uint32_t net_linux_room(const net_linux *board)
{
    const size_t each = NET_MEMORY_IN + NET_MEMORY_OUT;
    return board->size < 128 ? 0 : (uint32_t)((board->size - 127) / each);
}

int net_linux_run(net_linux *board, uint32_t frames, const uint8_t **results, uint64_t *cycles)
{
    const uint64_t at = results_at(frames);
    int error;
    if (frames > net_linux_room(board))
        return NET_TOO_MANY;
    error = net_axi_start(&board->axi, board->address, board->address + at, frames);
    if (!error)
        error = net_axi_finish(&board->axi, cycles);
    *results = board->memory + at;
    return error;
}

void net_linux_close(net_linux *board)
{
    if (board->memory)
        munmap(board->memory, board->size);
    if (board->registers)
        munmap(board->registers, board->bytes);
    if (board->buffer >= 0)
        close(board->buffer);
    if (board->uio >= 0)
        close(board->uio);
}

static void write_tty(void *context, const uint8_t *bytes, size_t n)
{
    const net_tty *tty = context;
    while (n) {
        const ssize_t done = write(tty->port, bytes, n);
        if (done < 0)
            return; /* the answer will not come */
        bytes += done;
        n -= (size_t)done;
    }
}

static int read_tty(void *context, uint32_t milliseconds)
{
    net_tty *tty = context;
    struct pollfd found = {0, POLLIN, 0};
    ssize_t n;
    if (tty->next < tty->fill)
        return tty->bytes[tty->next++];
    found.fd = tty->port;
    if (poll(&found, 1, (int)milliseconds) <= 0)
        return -1;
    n = read(tty->port, tty->bytes, sizeof tty->bytes);
    tty->next = 1;
    tty->fill = n > 0 ? (uint32_t)n : 1;
    return n > 0 ? tty->bytes[0] : -1;
}

/* The kernel's word for a baud rate; B0 if it has none. */
static speed_t speed(uint32_t baud)
{
    static const struct {
        uint32_t baud;
        speed_t speed;
    } known[] = {
        {9600, B9600},       {19200, B19200},     {38400, B38400},     {57600, B57600},
        {115200, B115200},   {230400, B230400},   {460800, B460800},   {500000, B500000},
        {921600, B921600},   {1000000, B1000000}, {1500000, B1500000}, {2000000, B2000000},
        {3000000, B3000000}, {4000000, B4000000},
    };
    size_t k;
    for (k = 0; k < sizeof known / sizeof *known; ++k)
        if (known[k].baud == baud)
            return known[k].speed;
    return B0;
}

int net_tty_open(net_tty *tty, const char *port, uint32_t baud)
{
    struct termios settings;
    const speed_t word = speed(baud);
    int error = NET_OPEN;
    memset(tty, 0, sizeof *tty);
    errno = EINVAL; /* no such baud rate */
    tty->port = word == B0 ? -1 : open(port, O_RDWR | O_NOCTTY);
    if (tty->port < 0)
        return NET_OPEN;
    if (!tcgetattr(tty->port, &settings)) {
        cfmakeraw(&settings);
        settings.c_cflag |= CLOCAL | CREAD;
        cfsetispeed(&settings, word);
        cfsetospeed(&settings, word);
        if (!tcsetattr(tty->port, TCSANOW, &settings)) {
            tty->line = net_serial_on(tty, write_tty, read_tty, baud);
            error = net_serial_open(&tty->line);
        }
    }
    if (error)
        net_tty_close(tty);
    return error;
}

void net_tty_close(net_tty *tty)
{
    close(tty->port);
    tty->port = -1;
}

#endif
