#pragma once

#include "parse.h"

// What is before a packet in a tunnel, but for what the outer header has of the
// packet: see Tunnel in package engine.

enum { TUNNEL_TTL = 64 };

// inner is what the outer header has of the packet.
struct inner {
	u8 protocol;
	u8 service; // DSCP and ECN
	u16 size;   // of the packet; longer ones are over every MTU
};

// look_inside reads the packet. Its IP header is there, but of that of IPv6 the
// first bytes alone are known to be.
INLINE struct inner look_inside(struct packet *p)
{
	struct inner in = { .protocol = p->v6 ? IPPROTO_IPV6 : IPPROTO_IPIP };
	u64 all = p->length - sizeof(struct ethernet);

	if (p->v6) {
		struct ipv6 *ip = (void *)(p->frame + sizeof(struct ethernet));

		in.service = ip->version << 4 | ip->flow[0] >> 4;
		in.size = ip->size ? bpf_ntohs(ip->size) + sizeof *ip : all;
	} else {
		struct ipv4 *ip = (void *)(p->frame + sizeof(struct ethernet));

		in.service = ip->service;
		in.size = bpf_ntohs(ip->size);
	}
	return in;
}

INLINE void write_ipv4(struct ipv4 *ip, struct tunnel *t, struct inner *in)
{
	u32 src = t->src[0], dst = t->dst[0];
	u32 sum;

	ip->version = 0x45;
	ip->service = in->service;
	ip->size = bpf_htons(in->size + sizeof *ip);
	ip->id = 0; // of what is not to be fragmented: RFC 6864
	ip->fragment = bpf_htons(0x4000);
	ip->ttl = TUNNEL_TTL;
	ip->protocol = in->protocol;
	ip->src = src;
	ip->dst = dst;
	// RFC 1071, which does not mind the order of bytes in words.
	sum = (0x45 | in->service << 8) + ip->size + ip->fragment + (TUNNEL_TTL | in->protocol << 8);
	sum += (src & 0xffff) + (src >> 16) + (dst & 0xffff) + (dst >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	ip->sum = ~(sum + (sum >> 16));
}

INLINE void write_ipv6(struct ipv6 *ip, struct tunnel *t, struct inner *in)
{
	ip->version = 0x60 | in->service >> 4;
	ip->flow[0] = in->service << 4;
	ip->flow[1] = 0;
	ip->flow[2] = 0;
	ip->size = bpf_htons(in->size);
	ip->next = in->protocol;
	ip->hop_limit = TUNNEL_TTL;
	ip->src[0] = t->src[0];
	ip->src[1] = t->src[1];
	ip->dst[0] = t->dst[0];
	ip->dst[1] = t->dst[1];
}

// make_room moves the addresses of the Ethernet header so many bytes to the
// front, and returns that header; NULL if there is no room before it.
INLINE struct ethernet *make_room(struct packet *p, int size)
{
	u32 *was = (u32 *)p->frame;
	u32 first = was[0], second = was[1], third = was[2];
	struct ethernet *e;

	if (bpf_xdp_adjust_head(p->context, -size))
		return NULL;
	e = (void *)(long)p->context->data;
	if ((u8 *)(e + 1) + size > (u8 *)(long)p->context->data_end)
		return NULL;
	((u32 *)e)[0] = first;
	((u32 *)e)[1] = second;
	((u32 *)e)[2] = third;
	return e;
}

// wrap puts the outer header of a tunnel before the packet. It reports whether
// there was room. The frame of p is no longer to be used.
INLINE bool wrap(struct packet *p, struct tunnel *t)
{
	struct inner in = look_inside(p);
	struct ethernet *e;

	if (t->size == sizeof(struct ipv4)) {
		e = make_room(p, sizeof(struct ipv4));
		if (!e)
			return false;
		e->type = bpf_htons(ETH_P_IP);
		write_ipv4((struct ipv4 *)(e + 1), t, &in);
	} else {
		e = make_room(p, sizeof(struct ipv6));
		if (!e)
			return false;
		e->type = bpf_htons(ETH_P_IPV6);
		write_ipv6((struct ipv6 *)(e + 1), t, &in);
	}
	return true;
}
