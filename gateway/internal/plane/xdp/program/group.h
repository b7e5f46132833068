#pragma once

#include "parse.h"

// route finds the index of the service that the packet is for.
INLINE u32 *route(struct packet *p)
{
	struct prefix key __attribute__((aligned(8))) = { .length = FAMILY_BITS + ADDRESS_BITS + END_BITS };

	*(u32 *)key.end = p->protocol | p->ports >> 16 << 8;
	if (p->v6) {
		key.family = FAMILY_IPV6;
		((u64 *)key.addr)[0] = p->dst[0];
		((u64 *)key.addr)[1] = p->dst[1];
	} else {
		key.family = FAMILY_IPV4;
		*(u32 *)key.addr = p->dst[1] >> 32;
	}
	return bpf_map_lookup_elem(&ecmp_prefixes, &key);
}

// table_of returns the table of a service.
INLINE struct table *table_of(u32 *service)
{
	u32 only = 0;
	void *group = bpf_map_lookup_elem(&ecmp_tables, service);

	return group ? bpf_map_lookup_elem(group, &only) : NULL;
}

// choose takes the member that the table has for a hash: its slot in the
// domain, 0 for none.
INLINE u32 choose(struct table *t, u64 hash)
{
	// The high word of hash * slots, in two products of 64 bits, since slots
	// has less than 32.
	u64 slots = t->slots;
	u64 slot = ((hash >> 32) * slots + ((hash & 0xffffffff) * slots >> 32)) >> 32;

	if (!slots || slot >= MAX_SLOTS) // never the latter: the verifier can't know
		return 0;
	return t->slot[slot];
}

// state_of returns what may be done in the group with a member.
INLINE enum member_state state_of(struct table *t, u16 member)
{
	u8 both = t->members[member / MEMBERS_PER_BYTE];

	return both >> member % MEMBERS_PER_BYTE * MEMBER_BITS & ((1 << MEMBER_BITS) - 1);
}
