// MHD_start_daemon is variadic, which Swift cannot call: one typed door, no logic.
#pragma once
#include <microhttpd.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>

static inline struct MHD_Daemon *exedev_mhd_start(
    unsigned int flags, uint16_t port, MHD_AccessHandlerCallback handler, void *context, const struct MHD_OptionItem *options)
{
    return MHD_start_daemon(flags, port, NULL, NULL, handler, context, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}
