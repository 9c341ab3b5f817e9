// libmicrohttpd's start and getters are variadic, which Swift cannot call: one typed door each, no logic.
#pragma once
#include <microhttpd.h>

typedef size_t (*exedev_mhd_unescape)(void *, struct MHD_Connection *, char *);
static inline struct MHD_Daemon *exedev_mhd_start(int listener, unsigned int connections, unsigned int seconds,
                                                  MHD_AccessHandlerCallback access, MHD_RequestCompletedCallback completed,
                                                  exedev_mhd_unescape unescape, void *context,
                                                  const char *key, const char *certificate) {
    // Both in PEM; without a key it speaks plain HTTP.
    struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)key},
                                   {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)certificate},
                                   {MHD_OPTION_END, 0, NULL}};
    unsigned int flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | (key ? MHD_USE_TLS : 0);
    return MHD_start_daemon(flags, 0, NULL, NULL, access, context,
                            MHD_OPTION_LISTEN_SOCKET, (MHD_socket)listener,
                            MHD_OPTION_CONNECTION_LIMIT, connections,
                            MHD_OPTION_CONNECTION_TIMEOUT, seconds,
                            MHD_OPTION_NOTIFY_COMPLETED, completed, context,
                            MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL,
                            MHD_OPTION_ARRAY, key ? tls : tls + 2,
                            MHD_OPTION_END);
}
static inline const struct sockaddr *exedev_mhd_peer(struct MHD_Connection *c) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return info ? info->client_addr : NULL;
}
static inline int exedev_mhd_socket(struct MHD_Connection *c) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? (int)info->connect_fd : -1;
}
static inline uint64_t exedev_mhd_unknown_size(void) { return MHD_SIZE_UNKNOWN; }
