/* See net.h. The last part, for Linux, is compiled if NET_LINUX is defined. */

#ifdef NET_LINUX
#define _DEFAULT_SOURCE
#endif

#include "net.h"

#include <math.h>
#include <string.h>

#ifdef NET_LINUX
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#endif
