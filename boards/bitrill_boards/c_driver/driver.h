/* The network @name@, digest @digest@: frames for it, and what its results mean.
 *
 * Written by Bitrill for this network alone. C99; no allocation, no global state. docs/driver.md
 * shows how to use it. Functions that can fail return 0 or a net_error; net_text names it.
 */

#ifndef NET_H
#define NET_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a board with this network reports. */
#define NET_DIGEST {@digest_bytes@}

/* Elements of an image, of shape [@input_shape@], and integers of a result. */
#define NET_INPUTS @inputs@u
#define NET_OUTPUTS @outputs@u

/* Bytes of a frame, elements of @in_width@, and of its result, integers of @out_width@; low bits first. */
#define NET_FRAME_IN @frame_in@u
#define NET_FRAME_OUT @frame_out@u

/* Bytes of the same in memory, for the AXI shell: whole words of 8 bytes. */
#define NET_MEMORY_IN @memory_in@u
#define NET_MEMORY_OUT @memory_out@u

/* Bytes of the longest reply on a serial line. */
#define NET_REPLY @reply@u

typedef @in_type@ net_in; /* @in_what@: @in_lo@..@in_hi@@only@ */
typedef @out_type@ net_out; /* an integer of a result: @out_lo@..@out_hi@ */

enum net_error {
    NET_DONE = 0,
    NET_NOT_FINITE = 1,
    NET_RANGE = 2,
    NET_NO_SHELL = 3,
    NET_OTHER_NETWORK = 4,
    NET_HANGS = 5,
    NET_TOO_MANY = 6,
    NET_ADDRESS = 7,
    NET_BUS = 8,
    NET_LOST = 9,
    NET_NO_ANSWER = 10,
    NET_OPEN = 11
};

/* What an error means, in one line. */
const char *net_text(int error);
@quantize_h@
/* Packs integers, in the model's order, into a frame. */
int net_pack(const net_in integers[NET_INPUTS], uint8_t frame[NET_FRAME_IN]);

/* Unpacks a result into integers in the model's order. */
void net_unpack(const uint8_t frame[NET_FRAME_OUT], net_out integers[NET_OUTPUTS]);

/* Computes what the integers mean: scale * integer + offset, in the model's order. */
void net_numbers(const net_out integers[NET_OUTPUTS], double numbers[NET_OUTPUTS]);

/* @decide_doc@ */
uint32_t net_decide(const net_out integers[NET_OUTPUTS]);
@outputs_h@@links_h@
#ifdef __cplusplus
}
#endif

#endif
