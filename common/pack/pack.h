/* A block as it travels and is stored: plain (common/block.h), or packed where that pays.
 *
 *   "MPK1" u32, little endian | length of the plain block, varint | one zstd frame
 *
 * What is packed is a whole plain block, its checksum included, so damage is found however the
 * bytes came to be. Compressing by block, not by row, keeps the columns together: a row without an
 * answer takes a few bytes. A dictionary beside that saves at most a twelfth of short answers, by
 * measurement (README.md). Within the frame, what is packed well begins with a new table of codes
 * where its answers begin and end. */
#ifndef MUSTER_COMMON_PACK_PACK_H
#define MUSTER_COMMON_PACK_PACK_H

#include "common/block.h"

/* Reused from block to block; one thread. */
struct packer;
struct packer *packer_new(void);
void packer_free(struct packer *p);

/* How well: QUICKLY costs a few nanoseconds a row, for models that are faster than a compressor;
 * WELL is for all others, whose time it is nothing beside. */
enum pack_effort { PACK_QUICKLY, PACK_WELL };

/* Replace a plain block by its packed form if that is smaller by an eighth (packed well: by a
 * sixteenth); else it stays. The caller made the block. */
void pack_block(struct packer *p, enum pack_effort effort, struct buf *block);

/* Decode either form. ERR_CORRUPT, and `out` empty: damaged. At most BLOCK_BYTES_MAX is allocated
 * for what a packed block declares, before it is unpacked; then block_decode's checks hold. Answers
 * of a plain block borrow from `bytes`, those of a packed one belong to the block. Any thread; each
 * that unpacks keeps zstd's memory for it (160 KB) until it ends. */
err pack_decode(struct span bytes, struct block *out);

#endif
