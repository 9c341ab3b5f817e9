// What glibc (2.34 and newer) has and Swift's Glibc module does not show, as it is read without _GNU_SOURCE.
#pragma once
#include <spawn.h>

extern int pipe2(int ends[2], int flags);
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);
/* POSIX_SPAWN_SETSID (2.26) */
static const short posix_spawn_setsid = 0x80;
