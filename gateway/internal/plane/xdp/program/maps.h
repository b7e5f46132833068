#pragma once

#include "constants.h"
#include "types.h"

// What the plane sets when it loads the program.

// The seed of the hash.
const volatile u64 seed = 0;

// The address that frames must be for, in the high bytes; 0 for any.
const volatile u64 address = 0;

// Whether senders are told of packets that are too big, or have no time left: by
// the slow path, which gets them.
const volatile bool answers = false;

// How long after a ping the next one may be answered, in ns; 0: none is looked at.
const volatile u64 ping_interval = 0;

// Durations, in the units of an age: see pins.h.
const volatile struct durations {
	s64 life[PIN_STATES];    // after it a pin in that state has expired
	s64 refresh[PIN_STATES]; // at that age it is written again
	s64 grace[PIN_STATES];   // after it the pin of a member that is down is moved
	s64 promote_after;       // from when on a packet without flags promotes
} durations = {};

// What follows for a pin, an enum step: the table of package life in Go. It is
// indexed by 1 if the member takes no new flow, 1 if the pin is older than
// promote_after, the TCP flags of the packet, and the state of the pin.
const volatile u8 steps[2][2][256][PIN_STATES] = {};

// The state of a new pin by the TCP flags of the first packet.
const volatile u8 first_state[256] = {};

// What the program shares with the plane.

// What is for a service: a prefix of a family, an address, and what packets are
// for there. So the longest is the service with the port, or else with the
// protocol, or else with the longest prefix of the address.
struct prefix {
	u32 length; // FAMILY_BITS and those that count
	u32 family;
	u8 addr[16]; // that of IPv4 comes first
	u8 end[4];   // protocol, destination port, 0
};

// What it takes to send to a member.
struct hop {
	u8 dst[6], src[6];
	u16 output;
	u16 fits; // a frame of so many bytes was within the MTU of the output
	u16 tunnel; // its key; 0 for none
	u16 pad;
};

// What it takes to send to a member in a tunnel.
struct tunnel {
	u64 src[2], dst[2]; // those of IPv4 come first
	u32 size;           // of the outer header, which says whether that is IPv4
	u32 pad;
};

struct traffic {
	u64 frames, bytes;
};

// Frames dropped, by enum event from the first one of a service or of a member
// on.
struct drops {
	u64 frames[DROP_KINDS];
};

// The table of a group. It is one value of a map, and not an entry for each
// slot, because those would take eight bytes. Members are told by their slots in
// the domain, where 0 is nobody's.
struct table {
	u32 slots; // how many of slot are in use
	u8 key;    // enum key: what makes packets one flow
	u8 state;  // of established flows that are many connections; 0: flows are connections
	u16 pad;
	u64 salt; // of the group's digests
	u8 members[(1 << 16) / MEMBERS_PER_BYTE]; // enum member_state
	u16 slot[MAX_SLOTS];
};

_Static_assert(__builtin_offsetof(struct table, key) == TABLE_KEY, "key");
_Static_assert(__builtin_offsetof(struct table, state) == TABLE_STATE, "state");
_Static_assert(__builtin_offsetof(struct table, salt) == TABLE_SALT, "salt");
_Static_assert(__builtin_offsetof(struct table, members) == TABLE_MEMBERS, "members");
_Static_assert(__builtin_offsetof(struct table, slot) == TABLE_HEADER, "slot");
_Static_assert(sizeof(struct table) == TABLE_SIZE, "table");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, MAX_PREFIXES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, u32); // index of a service; with PINGED: its pings are answered
} ecmp_prefixes SEC(".maps");

struct group {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(struct table));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, MAX_SERVICES);
	__type(key, u32); // index of a service
	__array(values, struct group);
} ecmp_tables SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << 16);
	__type(key, u32); // a member's slot
	__type(value, struct hop);
} ecmp_hops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 16);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u32); // hop.tunnel
	__type(value, struct tunnel);
} ecmp_tunnels SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, MAX_OUTPUT + 1);
	__type(key, u32); // hop.output
	__type(value, u32);
} ecmp_outputs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MAX_OUTPUT + 1);
	__type(key, u32); // hop.output
	__type(value, struct traffic);
} ecmp_members SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, EVENTS);
	__type(key, u32); // enum event
	__type(value, struct traffic);
} ecmp_events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MAX_SERVICES);
	__type(key, u32); // index of a service
	__type(value, struct drops); // from EXPIRED on
} ecmp_unserved SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MAX_OUTPUT + 1);
	__type(key, u32); // hop.output
	__type(value, struct drops); // from NO_OUTPUT on
} ecmp_unsent SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64); // when a ping could be answered again, were all used up
} ecmp_pings SEC(".maps");

// Pins by digest. The plane sets how many there are.

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, u64);
	__type(value, u64);
} ecmp_probation SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, u64);
	__type(value, u64);
} ecmp_flows SEC(".maps");
