#pragma once

#include "maps.h"

INLINE void count(void *map, u32 index, u64 length)
{
	struct traffic *t = bpf_map_lookup_elem(map, &index);

	if (t) {
		t->frames++;
		t->bytes += length;
	}
}

INLINE void count_event(enum event e, u64 length)
{
	count(&ecmp_events, e, length);
}

INLINE int drop(enum event reason, u64 length)
{
	count_event(reason, length);
	return XDP_DROP;
}
