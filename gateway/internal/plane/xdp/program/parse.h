#pragma once

#include "maps.h"

// What a frame consists of. The kernel's structs have the addresses in pieces
// of four bytes, and bit fields; here everything is what is loaded at once.

struct ethernet {
	u8 dst[6], src[6];
	u16 type;
};

struct ipv4 {
	u8 version; // and length of the header, in words of 32 bits
	u8 service;
	u16 size;
	u16 id;
	u16 fragment;
	u8 ttl, protocol;
	u16 sum;
	u32 src, dst;
};

struct ipv6 {
	u8 version;
	u8 flow[3];
	u16 size; // of what follows the header
	u8 next, hop_limit;
	u64 src[2], dst[2];
};

struct transport {
	u32 ports;
	u32 sequence, acknowledged;
	u8 offset, flags;
};

enum { TCP_SIZE = 20, UDP_SIZE = 8, PING_SIZE = 8 };
enum { ICMPV6 = 58, PING_IPV4 = 8, PING_IPV6 = 128 }; // the protocol, and types of messages
enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };
enum { NOT_WHOLE = bpf_htons(0x3fff) }; // of ipv4.fragment: more of them, or an offset

// A packet is what parse finds.
struct packet {
	struct xdp_md *context;
	u8 *frame, *end;
	u64 length;
	bool v6;
	u8 protocol;
	u8 lifetime; // TTL or hop limit
	u8 flags;    // of TCP, or 0
	u8 state;    // of the flow's pin once it is established
	bool ping;   // it is a request for an echo
	u32 ports;
	u64 src[2], dst[2];
};

// parse_transport reads the ports and flags of what follows the IP header.
INLINE bool parse_transport(struct packet *p, u8 *at, u64 size)
{
	struct transport *t = (void *)at;

	switch (p->protocol) {
	case IPPROTO_TCP:
		if (size < TCP_SIZE || at + TCP_SIZE > p->end)
			return false;
		p->flags = t->flags;
		p->ports = t->ports;
		return true;
	case IPPROTO_UDP:
		if (size < UDP_SIZE || at + UDP_SIZE > p->end)
			return false;
		p->ports = t->ports;
		return true;
	case IPPROTO_ICMP:
	case ICMPV6:
		p->ping = size >= PING_SIZE && at + PING_SIZE <= p->end && at[0] == (p->v6 ? PING_IPV6 : PING_IPV4) && !at[1];
		return false;
	case IPPROTO_GRE:
	case IPPROTO_IPIP:
	case IPPROTO_IPV6:
		return true;
	}
	return false;
}

INLINE bool parse_ipv4(struct packet *p)
{
	struct ipv4 *ip = (void *)(p->frame + sizeof(struct ethernet));
	u64 size = bpf_ntohs(ip->size);

	if (ip->version != 0x45 || ip->fragment & NOT_WHOLE)
		return false;
	if (size < sizeof *ip || size > p->length - sizeof(struct ethernet))
		return false;
	p->lifetime = ip->ttl;
	p->protocol = ip->protocol;
	// As hash.FlowKey has it: mapped into IPv6.
	p->src[1] = (u64)ip->src << 32 | 0xffff0000;
	p->dst[1] = (u64)ip->dst << 32 | 0xffff0000;
	return parse_transport(p, (u8 *)(ip + 1), size - sizeof *ip);
}

INLINE bool parse_ipv6(struct packet *p)
{
	struct ipv6 *ip = (void *)(p->frame + sizeof(struct ethernet));
	u64 size;

	if ((u8 *)(ip + 1) > p->end || ip->version >> 4 != 6)
		return false;
	size = bpf_ntohs(ip->size);
	if (size > p->length - sizeof(struct ethernet) - sizeof *ip)
		return false;
	p->v6 = true;
	p->lifetime = ip->hop_limit;
	p->protocol = ip->next;
	p->src[0] = ip->src[0];
	p->src[1] = ip->src[1];
	p->dst[0] = ip->dst[0];
	p->dst[1] = ip->dst[1];
	return parse_transport(p, (u8 *)(ip + 1), size);
}

// parse takes a frame apart. It reports whether the frame is one that the
// program forwards, under the conditions of hash.Parse.
INLINE bool parse(struct packet *p, struct xdp_md *context)
{
	struct ethernet *e;

	p->context = context;
	p->frame = (u8 *)(long)context->data;
	p->end = (u8 *)(long)context->data_end;
	p->length = p->end - p->frame;
	if (p->frame + sizeof *e + sizeof(struct ipv4) > p->end)
		return false;
	// The first bytes of the source are not of the address.
	if (address && *(u64 *)p->frame << 16 != address)
		return false;
	e = (void *)p->frame;
	if (e->type == bpf_htons(ETH_P_IP))
		return parse_ipv4(p);
	if (e->type == bpf_htons(ETH_P_IPV6))
		return parse_ipv6(p);
	return false;
}
