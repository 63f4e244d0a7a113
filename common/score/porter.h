/* The Porter stemmer (Porter 1980), with the changes that NLTK makes by default and that published
 * ROUGE scores therefore contain. */
#ifndef MUSTER_COMMON_SCORE_PORTER_H
#define MUSTER_COMMON_SCORE_PORTER_H

#include <stddef.h>

/* Stem a lower-case word in place; returns its new length. A stem is never longer than its word. */
size_t porter_stem(char *word, size_t len);

#endif
