#pragma once

#include "parse.h"

// The primes of XXH64.
#define PRIME1 11400714785074694791ULL
#define PRIME2 14029467366897019727ULL
#define PRIME3 1609587929392839161ULL
#define PRIME4 9650029242287828579ULL

INLINE u64 rotate(u64 v, int n)
{
	return v << n | v >> (64 - n);
}

INLINE u64 round(u64 lane, u64 word)
{
	return rotate(lane + word * PRIME2, 31) * PRIME1;
}

INLINE u64 merge(u64 h, u64 lane)
{
	return (h ^ round(0, lane)) * PRIME1 + PRIME4;
}

// xxh64 is XXH64 of five words, as hash.XX has it: one stripe, one word, and
// the avalanche.
INLINE u64 xxh64(u64 w0, u64 w1, u64 w2, u64 w3, u64 w4)
{
	u64 a = round(seed + PRIME1 + PRIME2, w0);
	u64 b = round(seed + PRIME2, w1);
	u64 c = round(seed, w2);
	u64 d = round(seed - PRIME1, w3);
	u64 h = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);

	h = merge(merge(merge(merge(h, a), b), c), d);
	h += 5 * sizeof(u64);
	h = rotate(h ^ round(0, w4), 27) * PRIME1 + PRIME4;
	h ^= h >> 33;
	h *= PRIME2;
	h ^= h >> 29;
	h *= PRIME3;
	return h ^ h >> 32;
}

#define KEY_IPV6 (0x10ULL << 40) // of a hash.FlowKey, in the last word

// greater compares the endpoints of a packet, by address and then by port.
INLINE bool greater(struct packet *p, u32 ports)
{
	if (p->src[0] != p->dst[0])
		return bpf_be64_to_cpu(p->src[0]) > bpf_be64_to_cpu(p->dst[0]);
	if (p->src[1] != p->dst[1])
		return bpf_be64_to_cpu(p->src[1]) > bpf_be64_to_cpu(p->dst[1]);
	return bpf_ntohs(ports) > bpf_ntohs(ports >> 16);
}

// hash hashes what the key of the service takes of the packet. But for that of
// clients, both directions of a conversation are one key, as in
// hash.FlowKey.Canonical: the smaller endpoint comes first.
INLINE u64 hash(struct packet *p, u8 key)
{
	u64 end = p->v6 ? KEY_IPV6 : 0;
	u32 ports = key == FIVE_TUPLE ? p->ports : 0;

	if (key == CLIENT)
		return xxh64(p->src[0], p->src[1], 0, 0, end);
	if (key != ADDRESSES)
		end |= (u64)p->protocol << 32;
	if (greater(p, ports))
		return xxh64(p->dst[0], p->dst[1], p->src[0], p->src[1], end | (u32)(ports << 16 | ports >> 16));
	return xxh64(p->src[0], p->src[1], p->dst[0], p->dst[1], end | ports);
}
