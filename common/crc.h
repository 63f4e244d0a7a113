/* CRC32C (Castagnoli, RFC 3720 B.4), by the SSE4.2 instruction where there is one. */
#ifndef MUSTER_COMMON_CRC_H
#define MUSTER_COMMON_CRC_H

#include <stddef.h>
#include <stdint.h>

/* Start with crc = 0; the result continues with the bytes behind. */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

/* The same by a table: what machines without the instruction run, and what tests compare with. */
uint32_t crc32c_by_table(uint32_t crc, const void *data, size_t len);

#endif
