/* Applies one function of a driver to everything on stdin, one image or result after the other.
 *
 * The first argument names the function. Errors go to stderr as text, and the program ends with 1.
 */

#include "net.h"

#include <stdio.h>
#include <string.h>

static float floats[NET_INPUTS];
static double doubles[NET_INPUTS];
static net_in integers[NET_INPUTS];
static uint8_t frame[NET_FRAME_IN];
static uint8_t result[NET_FRAME_OUT];
static net_out out[NET_OUTPUTS];
static double numbers[NET_OUTPUTS];
static uint32_t best;

#define APPLY(name, from, call, to)                                       \
    if (!strcmp(argv[1], name)) {                                         \
        while (fread(from, sizeof from, 1, stdin) == 1) {                 \
            const int error = call;                                       \
            if (error)                                                    \
                return fprintf(stderr, "%s\n", net_text(error)), 1;       \
            fwrite(to, sizeof to, 1, stdout);                             \
        }                                                                 \
        return 0;                                                         \
    }
#define DECIDE(from) (best = net_decide(from), 0)

int main(int argc, char **argv)
{
    uint32_t *const decision = &best;
    if (argc != 2)
        return 2;
#ifdef QUANTIZES
    APPLY("quantize", floats, net_quantize(floats, integers), integers)
    APPLY("quantize_double", doubles, net_quantize_double(doubles, integers), integers)
    APPLY("pack_image", floats, net_pack_image(floats, frame), frame)
    APPLY("pack_image_double", doubles, net_pack_image_double(doubles, frame), frame)
#else
    (void)floats;
    (void)doubles;
#endif
    APPLY("pack", integers, net_pack(integers, frame), frame)
    APPLY("unpack", result, (net_unpack(result, out), 0), out)
    APPLY("numbers", out, (net_numbers(out, numbers), 0), numbers)
    APPLY("decide", out, DECIDE(out), *(uint32_t(*)[1])decision)
    return 2;
}
