/* The cycles of a shift register over GF(2) by a bitmap: what a careful C program does without the idea of segments.
 *
 *   gcc -O3 -march=native -o bitmap_walk bitmap_walk.c
 *   ./bitmap_walk DEGREE TAPS      e.g. ./bitmap_walk 28 0x9: s(n+28) = s(n) + s(n+3)
 *
 * One bit a state, on huge pages where the kernel gives them. The first unmarked state is found 64 states at a time
 * (one count of trailing zeros); its whole cycle is walked and marked. TAPS has bit i where c(i) = 1, and bit 0 must be
 * set, so that every state is on a cycle. Printed is a line "length count" for each length. */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { SLOTS = 1 << 16 };

static uint64_t lengths[SLOTS], counts[SLOTS];

/* One more cycle of this length. Open addressing: a register has few lengths, or short ones. */
static void count(uint64_t length)
{
    uint64_t slot = length * 0x9e3779b97f4a7c15u >> 48;
    for (int tried = 0; tried < SLOTS; tried++, slot = (slot + 1) % SLOTS) {
        if (lengths[slot] == 0)
            lengths[slot] = length;
        if (lengths[slot] == length) {
            counts[slot]++;
            return;
        }
    }
    fputs("too many lengths\n", stderr);
    exit(1);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("usage: bitmap_walk DEGREE TAPS\n", stderr);
        return 2;
    }
    const unsigned degree = (unsigned)strtoul(argv[1], NULL, 10);
    const uint64_t taps = strtoull(argv[2], NULL, 0);
    if (degree < 6 || degree > 36 || taps >> degree != 0 || (taps & 1) == 0) {
        fputs("the degree is 6 to 36, the taps lie below it, and bit 0 is one of them\n", stderr);
        return 2;
    }
    const uint64_t words = (uint64_t)1 << (degree - 6);
    const size_t huge = 2u << 20;
    const size_t bytes = (words * 8 + huge - 1) / huge * huge;
    char *space = mmap(NULL, bytes + huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (space == MAP_FAILED) {
        fprintf(stderr, "no memory for the bitmap: %s\n", strerror(errno));
        return 1;
    }
    uint64_t *map = (uint64_t *)(((uintptr_t)space + huge - 1) / huge * huge);
    madvise(map, bytes, MADV_HUGEPAGE);

    const unsigned top = degree - 1;
    for (uint64_t word = 0; word < words; word++) {
        while (~map[word] != 0) {
            const uint64_t start = word * 64 + (unsigned)__builtin_ctzll(~map[word]);
            uint64_t state = start, length = 0;
            do {
                map[state >> 6] |= (uint64_t)1 << (state & 63);
                state = state >> 1 | (uint64_t)__builtin_parityll(state & taps) << top;
                length++;
            } while (state != start);
            count(length);
        }
    }
    for (int slot = 0; slot < SLOTS; slot++)
        if (counts[slot] != 0)
            printf("%llu %llu\n", (unsigned long long)lengths[slot], (unsigned long long)counts[slot]);
    return 0;
}
