
/* ---- The AXI shell (docs/shell.md): registers, and memory that the hardware reads and writes ----
 *
 * Frames lie NET_MEMORY_IN bytes apart from an address on that is a multiple of 128, results
 * NET_MEMORY_OUT bytes apart from another one on. Bytes of NET_MEMORY_IN behind a frame are ignored.
 */
typedef struct {
    void *context; /* what the functions below get */
    uint32_t (*read)(void *context, uint32_t offset);
    void (*write)(void *context, uint32_t offset, uint32_t value);
    /* Called after each look at STATUS during which no frame left the network; looks: how many in
     * sequence. Returns 0 to give up. NULL: 100 million looks. */
    int (*wait)(void *context, uint32_t looks);
    int interrupt;   /* whether the shell's interrupt is enabled during a run */
    uint32_t frames; /* of the run in progress */
} net_axi;

/* The shell at an address, on bare metal; the caches are the caller's business. */
net_axi net_axi_at(uintptr_t base);

/* Checks that this network is there, and stops what an earlier program left running. */
int net_axi_open(net_axi *axi);

/* Starts a run of frames; net_axi_finish waits for its end, and tells its cycles if not NULL. */
int net_axi_start(net_axi *axi, uint64_t frames_at, uint64_t results_at, uint32_t frames);
int net_axi_finish(net_axi *axi, uint64_t *cycles);

/* Stops a run and resets the network. */
int net_axi_stop(net_axi *axi);

/* Writes a weight at an address of registers.json, while no run is in progress. */
void net_axi_weight(const net_axi *axi, uint32_t address, uint32_t word);
