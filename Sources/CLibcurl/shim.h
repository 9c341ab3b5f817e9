// libcurl's setters and getters are variadic, which Swift cannot call: one typed door each, no logic.
#pragma once
#include <curl/curl.h>

static inline CURLcode exedev_curl_set_long(CURL *h, CURLoption o, long v) { return curl_easy_setopt(h, o, v); }
static inline CURLcode exedev_curl_set_string(CURL *h, CURLoption o, const char *v) { return curl_easy_setopt(h, o, v); }
static inline CURLcode exedev_curl_set_pointer(CURL *h, CURLoption o, void *v) { return curl_easy_setopt(h, o, v); }
static inline CURLcode exedev_curl_set_list(CURL *h, CURLoption o, struct curl_slist *v) { return curl_easy_setopt(h, o, v); }
typedef size_t (*exedev_curl_data)(char *, size_t, size_t, void *);
static inline CURLcode exedev_curl_set_data(CURL *h, CURLoption o, exedev_curl_data f) { return curl_easy_setopt(h, o, f); }
typedef int (*exedev_curl_seek)(void *, curl_off_t, int);
static inline CURLcode exedev_curl_set_seek(CURL *h, exedev_curl_seek f) { return curl_easy_setopt(h, CURLOPT_SEEKFUNCTION, f); }
typedef int (*exedev_curl_progress)(void *, curl_off_t, curl_off_t, curl_off_t, curl_off_t);
static inline CURLcode exedev_curl_set_progress(CURL *h, exedev_curl_progress f) { return curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, f); }
static inline CURLcode exedev_curl_get_long(CURL *h, CURLINFO i, long *v) { return curl_easy_getinfo(h, i, v); }
static inline CURLcode exedev_curl_get_offset(CURL *h, CURLINFO i, curl_off_t *v) { return curl_easy_getinfo(h, i, v); }
static inline CURLcode exedev_curl_get_pointer(CURL *h, CURLINFO i, char **v) { return curl_easy_getinfo(h, i, v); }
